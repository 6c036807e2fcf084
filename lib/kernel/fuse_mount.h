/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FUSE mounts without their server: what comes out is the connection that a server answers on.
 * Root mounts by itself, everybody else by fusermount3, which lets users mount on their own folders
 * (fusermount3(1)): nosuid, nodev, and only for themselves. Read-only both.
 */
#ifndef FIRN_KERNEL_FUSE_MOUNT_H
#define FIRN_KERNEL_FUSE_MOUNT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define FUSE_MOUNT_TYPE   "fuse.firn" /* as mountinfo has them */
#define FUSE_MOUNT_SOURCE "firn"

/* Mount on the folder @dir as an ordinary user. Returns the connection. */
int fuse_mount_user(const char *dir, struct firn_error *err) _must_check_;
/* Take the user's FUSE mount at @dir away; -FIRN_EBUSY when somebody uses it. */
int fuse_umount_user(const char *dir, struct firn_error *err) _must_check_;

/*
 * As root: a detached mount with @attrs (MOUNT_ATTR_...), for all users, whose modes the kernel
 * checks. Returns it, and its connection in *ret_connection; nothing may be looked at in it before
 * somebody answers there.
 */
int fuse_mount_root(uint64_t attrs, int *ret_connection, struct firn_error *err) _must_check_;

#endif
