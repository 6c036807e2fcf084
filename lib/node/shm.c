/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/shm.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define COPY_BYTES (64u << 10)

/* The folder that @path lies in, opened; *ret_name is the last component. */
static int open_parent(int root, const char *path, const char **ret_name, struct firn_error *err)
{
	const char *name = path_basename(path);
	_free_ char *parent = strndup(path, name == path ? 0 : (size_t)(name - path) - 1);

	if (!parent)
		return firn_fail_oom(err, "name");
	*ret_name = name;
	return path_open_beneath(root, parent, O_PATH | O_DIRECTORY, 0, err);
}

static int copy_payload(struct tar *tar, int to, struct firn_error *err)
{
	_free_ uint8_t *chunk = malloc(COPY_BYTES);
	ssize_t n;
	int rc;

	if (!chunk)
		return firn_fail_oom(err, "copy");
	while ((n = tar_read(tar, chunk, COPY_BYTES, err)) > 0) {
		rc = fd_write(to, chunk, (size_t)n, err);
		if (rc < 0)
			return rc;
	}
	return (int)n;
}

static int make_file(struct tar *tar, int parent, const char *name, struct firn_error *err)
{
	_fd_ int fd =
	    openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return firn_fail_errno(err, "make it");
	return copy_payload(tar, fd, err);
}

static int make_link(int root, const struct tar_entry *e, int parent, const char *name,
		     struct firn_error *err)
{
	_fd_ int target = path_open_beneath(root, e->target, O_PATH | O_NOFOLLOW, 0, err);

	if (target < 0)
		return target;
	if (linkat(target, "", parent, name, AT_EMPTY_PATH) < 0)
		return firn_fail_errno(err, "link it");
	return 0;
}

/* 1 when the entry has attributes of its own, 0 when they are another's. */
static int make_entry(int root, struct tar *tar, const struct tar_entry *e, int parent,
		      const char *name, struct firn_error *err)
{
	int rc;

	if (e->hardlink)
		return make_link(root, e, parent, name, err);
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		rc = make_file(tar, parent, name, err);
		return rc < 0 ? rc : 1;
	case S_IFDIR:
		rc = mkdirat(parent, name, 0700);
		break;
	case S_IFLNK:
		rc = symlinkat(e->target, parent, name);
		break;
	case S_IFIFO:
		rc = mknodat(parent, name, S_IFIFO | 0600, 0);
		break;
	default:
		return firn_fail(err, FIRN_ECORRUPT, "is a device");
	}
	return rc < 0 ? firn_fail_errno(err, "make it") : 1;
}

static int set_attributes(int parent, const char *name, const struct tar_entry *e,
			  struct firn_error *err)
{
	const struct timespec times[2] = { { .tv_sec = e->mtime, .tv_nsec = e->mtime_ns },
					   { .tv_sec = e->mtime, .tv_nsec = e->mtime_ns } };

	if (fchownat(parent, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(e->mode) && fchmodat(parent, name, e->mode & 07777, 0) < 0) ||
	    utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return firn_fail_errno(err, "set its attributes");
	return 0;
}

static int unpack_entry(int root, struct tar *tar, const struct tar_entry *e,
			struct firn_error *err)
{
	const char *name = ".";
	_fd_ int parent = -1;
	int rc = 1;

	/* The root folder is there already, and is described like any other. */
	parent = *e->path ? open_parent(root, e->path, &name, err)
			  : path_open_beneath(root, "", O_PATH | O_DIRECTORY, 0, err);
	if (parent < 0)
		return parent;
	if (*e->path)
		rc = make_entry(root, tar, e, parent, name, err);
	return rc > 0 ? set_attributes(parent, name, e, err) : rc;
}

int shm_fill(int root, int archive, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e = NULL;
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if ((rc = source_from_fd(archive, &src, err)) < 0 ||
	    (rc = tar_open_source(src, NULL, &tar, err)) < 0)
		return firn_wrap(err, rc, SHM_ARCHIVE);
	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = unpack_entry(root, tar, e, err);
		if (rc < 0)
			return firn_wrap(err, rc, SHM_ARCHIVE ": entry %s",
					 path_quote(e->path, quoted));
	}
	return firn_wrap(err, rc, SHM_ARCHIVE);
}
