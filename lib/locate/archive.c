/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OCI content in an archive: a layout, or what "docker save" writes. */
#include "locate/content.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "format/checkpoint.h"
#include "format/docker_archive.h"
#include "format/tar.h"
#include "image/docker.h"

#include <fcntl.h>
#include <string.h>

/* A source that has its descriptor for itself is what a layout in an archive needs. */
static int open_file(int fd, int *ret_fd, struct source **ret, struct firn_error *err)
{
	_fd_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int rc;

	if (own < 0)
		return firn_fail_errno(err, "open again");
	rc = source_from_fd(own, ret, err);
	if (rc >= 0)
		*ret_fd = take_fd(&own);
	return rc;
}

static int in_layout(int fd, const char *name, unsigned flags, struct located *l,
		     struct firn_error *err)
{
	const struct ref any = { .transport = REF_PATH };
	struct source *src = NULL;
	int rc;

	if ((rc = open_file(fd, &l->place.fd, &src, err)) < 0 ||
	    (rc = layout_open_source(src, name, &l->place.layout, err)) < 0)
		return rc;
	return locate_named(l, &any, flags, err);
}

static bool is_packed(struct source *src)
{
	uint8_t head[CODEC_DETECT_BYTES];
	const ssize_t got = source_pread(src, head, sizeof(head), 0, NULL);

	return got > 0 && codec_detect(head, (size_t)got) != CODEC_NONE;
}

static int in_docker(int fd, const char *name, unsigned flags, struct located *l,
		     struct firn_error *err)
{
	struct source *src = NULL;
	struct image image;
	int rc;

	l->name = strdup(name);
	if (!l->name)
		return firn_fail_oom(err, "name");
	rc = open_file(fd, &l->place.fd, &src, err);
	if (rc < 0)
		return rc;
	l->place.packed = is_packed(src);
	l->by_diff_id = true;
	rc = docker_open(src, &l->place.own_store, &image, err);
	l->place.store = l->place.own_store;
	if (rc >= 0)
		rc = locate_loaded(l, &image, flags, 0, err);
	return firn_wrap(err, rc, "docker-archive %s", name);
}

/* "oci-layout", "FOLDER/oci-layout" */
static bool is_layout_mark(const char *path)
{
	const char *slash = strchr(path, '/');

	return strcmp(slash ? slash + 1 : path, "oci-layout") == 0;
}

bool locate_is_oci_member(const char *path)
{
	return is_layout_mark(path) || strcmp(path, "blobs") == 0 ||
	       strncmp(path, "blobs/sha256", 12) == 0;
}

enum locate_form locate_form(struct source *src)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	enum locate_form form = LOCATE_ENGINE;
	const struct tar_entry *e;

	if (tar_open_source(src, NULL, &tar, NULL) < 0)
		return LOCATE_ENGINE;
	while (tar_next(tar, &e, NULL) > 0) {
		if (checkpoint_classify(e->path) != CHECKPOINT_OTHER)
			return LOCATE_ENGINE;
		if (locate_is_oci_member(e->path))
			return LOCATE_LAYOUT;
		if (strcmp(e->path, DOCKER_ARCHIVE_MANIFEST) == 0)
			form = LOCATE_DOCKER;
	}
	return form;
}

int locate_archive(int fd, const char *name, unsigned flags, struct located *ret,
		   struct firn_error *err)
{
	_cleanup_(located_done) struct located l = LOCATED_INIT;
	_cleanup_(source_closep) struct source *src = NULL;
	int rc = source_from_fd(fd, &src, err);

	if (rc < 0)
		return rc;
	switch (locate_form(src)) {
	case LOCATE_LAYOUT:
		rc = in_layout(fd, name, flags, &l, err);
		break;
	case LOCATE_DOCKER:
		rc = in_docker(fd, name, flags, &l, err);
		break;
	default:
		return 0;
	}
	if (rc < 0)
		return rc;
	*ret = l;
	l = (struct located)LOCATED_INIT;
	return 1;
}
