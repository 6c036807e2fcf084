/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounts as descriptors: put a detached mount somewhere, take a copy of a mounted folder, take a
 * mount away. Targets are descriptors (O_PATH) too, so that no name is looked up twice.
 */
#ifndef FIRN_KERNEL_MOUNT_H
#define FIRN_KERNEL_MOUNT_H

#include "base/error.h"

#include <stdint.h>

/*
 * Put the detached mount @mount on the folder or file @target, and make it private: what is mounted
 * on top of it later is nobody else's, even when @target lies in a shared mount.
 */
int mount_attach(int mount, int target, struct firn_error *err) _must_check_;

/*
 * A detached copy of what @dirfd shows at @path ("" is @dirfd itself; no symbolic link is followed)
 * with @attrs (MOUNT_ATTR_...) set. Mounts below it don't come along. Returns its descriptor.
 */
int mount_clone(int dirfd, const char *path, uint64_t attrs, struct firn_error *err) _must_check_;

/* A tmpfs; @bytes 0 is the kernel's default size, @mode that of its root. Returns a detached mount.
 */
int mount_tmpfs(uint64_t bytes, unsigned mode, uint64_t attrs, struct firn_error *err) _must_check_;

enum umount_result {
	UMOUNT_DONE = 0,
	UMOUNT_NONE = 1, /* nothing is mounted at the path, or something else covers it */
};

/*
 * Take away the topmost mount at the absolute @path. Returns an enum umount_result, or -FIRN_EBUSY
 * when somebody uses it.
 */
int umount_path(const char *path, struct firn_error *err) _must_check_;

/*
 * Take away the mount at the absolute @path with all below it at once, whoever uses them: they end
 * with their last user. One wait for the kernel instead of one for each mount.
 */
int umount_tree(const char *path, struct firn_error *err) _must_check_;

#endif
