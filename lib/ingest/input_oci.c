/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/input_oci.h"

#include "base/fd.h"

#include <string.h>

static int refuse_own(struct firn_error *err)
{
	return firn_fail(err, FIRN_EINVAL,
			 "is a checkpoint image that firn made already: mount or restore it as it "
			 "is, or have its archive again (firn export)");
}

static int open_kind(struct located *l, struct input **ret, struct firn_error *err)
{
	switch (l->kind) {
	case LOCATED_OWN:
		break;
	case LOCATED_IMAGE:
		return input_open_image(l, ret, err);
	case LOCATED_CTR:
		return input_open_ctr(l, ret, err);
	}
	return refuse_own(err);
}

/* Empties @l. */
static int open_located(struct located *l, struct input **ret, struct firn_error *err)
{
	_free_ char *name = take_ptr(&l->name);
	int rc = open_kind(l, ret, err);

	located_done(l);
	return firn_wrap(err, rc, "%s", name);
}

int input_open_ref(const struct ref *ref, struct input **ret, struct firn_error *err)
{
	struct located l = LOCATED_INIT;
	int rc = locate_ref(ref, LOCATE_PROVE, &l, err);

	return rc < 0 ? rc : open_located(&l, ret, err);
}

int input_open_layout(const char *path, struct input **ret, struct firn_error *err)
{
	struct located l = LOCATED_INIT;
	int rc = locate_layout(path, LOCATE_PROVE, &l, err);

	return rc < 0 ? rc : open_located(&l, ret, err);
}

int input_open_archive(int fd, const char *name, struct input **ret, struct firn_error *err)
{
	struct located l = LOCATED_INIT;
	int rc = locate_archive(fd, name, LOCATE_PROVE, &l, err);

	if (rc > 0) {
		rc = open_located(&l, ret, err);
		return rc < 0 ? rc : 1;
	}
	return rc;
}
