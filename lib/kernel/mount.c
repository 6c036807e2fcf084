/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/mount.h"

#include "base/fault.h"
#include "base/fd.h"
#include "kernel/fsctx.h"
#include "kernel/fuse_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/syscall.h>

/* umount2(2); <sys/mount.h> can't be included beside <linux/mount.h>. */
#define UMOUNT_FLAG_DETACH   2
#define UMOUNT_FLAG_NOFOLLOW 8

static int mount_setattr(int fd, struct mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, attr, sizeof(*attr));
}

int mount_attach(int mount, int target, struct firn_error *err)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };

	if (FAULT_POINT("mount.attach") ||
	    syscall(SYS_move_mount, mount, "", target, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return firn_fail_errno(err, "attach the mount");
	if (mount_setattr(mount, &attr) < 0)
		return firn_fail_errno(err, "make the mount private");
	return 0;
}

int mount_clone(int dirfd, const char *path, uint64_t attrs, struct firn_error *err)
{
	struct mount_attr attr = { .attr_set = attrs };
	_fd_ int fd = -1;

	fd =
	    (int)syscall(SYS_open_tree, dirfd, path,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	if (fd < 0)
		return firn_fail_errno(err, "copy the mount of \"%s\"", path);
	if (attrs && mount_setattr(fd, &attr) < 0)
		return firn_fail_errno(err, "set the attributes of a mount");
	return take_fd(&fd);
}

int mount_tmpfs(uint64_t bytes, unsigned mode, uint64_t attrs, struct firn_error *err)
{
	_fd_ int ctx = fsctx_open("tmpfs", err);
	char text[32];
	int rc;

	if (ctx < 0)
		return ctx;
	snprintf(text, sizeof(text), "%o", mode);
	rc = fsctx_string(ctx, "mode", text, err);
	if (rc == 0 && bytes) {
		snprintf(text, sizeof(text), "%" PRIu64, bytes);
		rc = fsctx_string(ctx, "size", text, err);
	}
	if (rc == 0)
		rc = fsctx_mount(ctx, attrs, err);
	return firn_wrap(err, rc, "tmpfs");
}

int umount_path(const char *path, struct firn_error *err)
{
	if (!FAULT_POINT("mount.umount") && syscall(SYS_umount2, path, UMOUNT_FLAG_NOFOLLOW) == 0)
		return UMOUNT_DONE;
	if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR)
		return UMOUNT_NONE;
	/* A user's own FUSE mounts are taken away by a program that may. */
	if (errno == EPERM && geteuid() != 0) {
		int rc = fuse_umount_user(path, err);

		return rc < 0 ? rc : UMOUNT_DONE;
	}
	return firn_fail_errno(err, "unmount %s", path);
}

int umount_tree(const char *path, struct firn_error *err)
{
	if (FAULT_POINT("mount.umount") ||
	    syscall(SYS_umount2, path, UMOUNT_FLAG_NOFOLLOW | UMOUNT_FLAG_DETACH) < 0)
		return firn_fail_errno(err, "unmount %s", path);
	return 0;
}
