/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/rootfs.h"

#include "base/fd.h"
#include "base/folder.h"
#include "kernel/fsctx.h"
#include "kernel/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* The topmost layer that says what the root is like; when none does, any is as good. */
static int root_layer(const struct rootfs *r)
{
	char path[FD_PATH_MAX];

	for (size_t i = 0; i < r->layers->count; i++) {
		fd_path(r->layers->items[i].fd, path);
		if (getxattr(path, VIEW_ROOT_IMPLIED, NULL, 0) < 0)
			return r->layers->items[i].fd;
	}
	return r->layers->items[0].fd;
}

/*
 * The topmost folder of an overlay gives the mounted root its attributes: here those of the layer
 * that has them, which it hides, and CRIU's mode.
 */
static int dress_root(const struct rootfs *r, int folder, struct firn_error *err)
{
	char path[FD_PATH_MAX];
	struct stat st;
	struct timespec times[2];

	if (fstat(root_layer(r), &st) < 0)
		return firn_fail_errno(err, "stat");
	fd_path(folder, path);
	times[0] = times[1] = st.st_mtim;
	if (chown(path, st.st_uid, st.st_gid) < 0 ||
	    chmod(path, (r->root_mode ? r->root_mode : st.st_mode) & 07777) < 0 ||
	    utimensat(AT_FDCWD, path, times, 0) < 0)
		return firn_fail_errno(err, "set the attributes of the root folder");
	return 0;
}

/* A folder of the user's own may hold what an earlier mount has left in it. */
static int keep_folder(int parent, const char *name, struct firn_error *err)
{
	int fd;

	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make %s", name);
	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : firn_fail_errno(err, "open %s", name);
}

static int open_upper(const struct rootfs *r, int *ret_upper, int *ret_work, struct firn_error *err)
{
	_fd_ int upper = -1, work = -1, folder = -1;

	if (r->upper) {
		folder = folder_make_private(r->upper, 0700, err);
		if (folder < 0)
			return folder;
		upper = keep_folder(folder, "upper", err);
		work = upper < 0 ? upper : keep_folder(folder, "work", err);
		if (work < 0)
			return firn_wrap(err, work, "%s", r->upper);
	} else {
		upper = stage_folder(r->stage->root, "rootfs-upper", 0700, err);
		work = upper < 0 ? upper : stage_folder(r->stage->root, "rootfs-work", 0700, err);
		if (work < 0)
			return work;
	}
	*ret_upper = take_fd(&upper);
	*ret_work = take_fd(&work);
	return 0;
}

int rootfs_mount(const struct rootfs *r, struct firn_error *err)
{
	const size_t n = r->layers->count;
	_free_ int *lowers = calloc(n + 1, sizeof(*lowers));
	_fd_ int upper = -1, work = -1, top = -1;
	struct overlay o = { .staging = r->stage->root, .attrs = MOUNT_ATTR_NODEV };
	int rc;

	if (!lowers)
		return firn_fail_oom(err, "rootfs");
	if (r->read_only) {
		/* Also the second lower folder, where there is one layer. */
		rc = top = stage_folder(r->stage->root, "rootfs-top", 0700, err);
		lowers[o.nlowers++] = top;
		o.attrs |= MOUNT_ATTR_RDONLY;
	} else {
		rc = open_upper(r, &upper, &work, err);
	}
	if (rc >= 0)
		rc = dress_root(r, r->read_only ? top : upper, err);
	for (size_t i = 0; i < n; i++)
		lowers[o.nlowers++] = r->layers->items[i].fd;
	o.lowers = lowers;
	o.upper = upper;
	o.work = work;
	if (rc >= 0)
		rc = overlay_mount(&o, err);
	return firn_wrap(err, rc, "rootfs");
}
