/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mount API of descriptors (fsopen(2) and friends, Linux 5.2): a file system is configured in a
 * context and comes out as a detached mount, which nobody sees until mount_attach(). Whatever the
 * kernel wrote into the context's log is appended to the error's sentence.
 *
 * Called by syscall(2): the C libraries of the distributions that firn runs on learned the wrappers
 * at different times, and their headers don't agree with the kernel's.
 */
#ifndef FIRN_KERNEL_FSCTX_H
#define FIRN_KERNEL_FSCTX_H

#include "base/error.h"

#include <linux/mount.h>
#include <stdbool.h>
#include <stdint.h>

/* Where an image or its contents come from: no devices, no setuid, no programs. */
#define MOUNT_ATTRS_DATA (MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

/* A context for @fs ("erofs", "overlay", "tmpfs"). -FIRN_EUNSUPP when the kernel hasn't got it. */
int fsctx_open(const char *fs, struct firn_error *err) _must_check_;
/*
 * Whether the kernel has @fs, maybe in a module that it can load, and lets this process mount it:
 * most of them not within a user namespace.
 */
bool fsctx_may_mount(const char *fs);
int fsctx_flag(int ctx, const char *key, struct firn_error *err) _must_check_;
int fsctx_string(int ctx, const char *key, const char *value, struct firn_error *err) _must_check_;
/* The path of @fd as the value: any name, no escapes, no limit but that of "/proc/self/fd/N". */
int fsctx_fd_path(int ctx, const char *key, int fd, struct firn_error *err) _must_check_;
/* Make the file system and a detached mount of it with @attrs (MOUNT_ATTR_...). Returns its fd. */
int fsctx_mount(int ctx, uint64_t attrs, struct firn_error *err) _must_check_;

#endif
