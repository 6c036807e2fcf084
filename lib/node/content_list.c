/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/content.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/pod.h"
#include "view/archive.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void content_list_done(struct content_list *l)
{
	checkpoint_names_done(&l->names);
	ref_done(&l->image);
}

/* The image says who is in it; nobody has checked what it says. */
static int check_names(const struct checkpoint_names *n, struct firn_error *err)
{
	if (n->n > POD_CONTAINERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "%zu containers, more than %d", n->n,
				 POD_CONTAINERS_MAX);
	for (size_t i = 0; i < n->n; i++) {
		int rc;

		if (!n->list[i])
			return firn_fail(err, FIRN_ECORRUPT,
					 "one of its %zu containers has no name", n->n);
		rc = pod_check_name(n->list[i], FIRN_ECORRUPT, err);
		if (rc < 0)
			return rc;
		for (size_t j = 0; j < i; j++)
			if (strcmp(n->list[i], n->list[j]) == 0)
				return firn_fail(err, FIRN_ECORRUPT, "two containers \"%s\"",
						 n->list[i]);
	}
	return 0;
}

static int list_image(struct content_list *l, struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor desc = { 0 };
	_cleanup_(layout_closep) struct layout *layout = NULL;
	int rc;

	if ((rc = layout_open_ref(&l->image, &layout, err)) < 0 ||
	    (rc = layout_resolve(layout, &l->image, &desc, err)) < 0 ||
	    (rc = checkpoint_image_names(layout_store(layout), &desc, &l->names, err)) < 0)
		return rc;
	free(l->image.tag);
	l->image.tag = NULL;
	l->image.digest = desc.digest;
	if (l->names.n > 1)
		return check_names(&l->names, err);
	checkpoint_names_done(&l->names);
	return 0;
}

/* An engine's archive is one container's. */
static int is_archive(const struct ref *ref, struct firn_error *err)
{
	_cleanup_(archive_closep) struct archive *a = NULL;
	_fd_ int fd = -1;
	struct stat st;
	int rc;

	if (ref->transport != REF_PATH)
		return 0;
	fd = open(ref->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "%s", ref->path);
	if (!S_ISREG(st.st_mode))
		return 0;
	rc = archive_open(take_fd(&fd), &a, err);
	return rc < 0 ? rc : rc == 0;
}

int content_list(const char *text, struct content_list *ret, struct firn_error *err)
{
	_cleanup_(content_list_done) struct content_list l = { .names.n = 0 };
	int rc;

	if ((rc = ref_parse(text, &l.image, err)) < 0 || (rc = is_archive(&l.image, err)) < 0 ||
	    (rc == 0 && (rc = list_image(&l, err)) < 0))
		return rc;
	*ret = l;
	l = (struct content_list){ .names.n = 0 };
	return 0;
}
