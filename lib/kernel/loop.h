/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loop devices (loop(4)) for what EROFS can't read as a file: before Linux 6.12, and from file
 * systems such as tmpfs and overlayfs. Read-only, with direct I/O where the file can do it, and
 * cleared by the kernel when the last user is gone (LO_FLAGS_AUTOCLEAR): nothing is left behind by
 * a process that dies.
 */
#ifndef FIRN_KERNEL_LOOP_H
#define FIRN_KERNEL_LOOP_H

#include "base/error.h"

/*
 * A loop device over all of @file. Returns its open descriptor, which keeps it alive until a mount
 * does. -FIRN_EUNSUPP when this host has no loop devices.
 */
int loop_attach(int file, struct firn_error *err) _must_check_;

#endif
