/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * EROFS images mounted from open files. The kernel reads them as files from Linux 6.12 on, if their
 * file system has read_folio (ext4, xfs, btrfs; not tmpfs, not overlayfs); otherwise the very same
 * images go through loop devices.
 */
#ifndef FIRN_KERNEL_EROFS_MOUNT_H
#define FIRN_KERNEL_EROFS_MOUNT_H

#include "base/error.h"
#include "kernel/road.h"

#include <stddef.h>

/*
 * Mount the image in @image, whose device table has @ndevices slots that @devices fill in order.
 * Read-only, nodev, nosuid, noexec. All files are borrowed: the mount keeps what it needs. Returns
 * the descriptor of a detached mount; -FIRN_EUNSUPP when this kernel has no EROFS.
 *
 * @want ROAD_FILE and ROAD_LOOP force one of them, and fail with -FIRN_EUNSUPP where it can't be;
 * ROAD_ANY takes the first that works.
 */
int erofs_mount(int image, const int *devices, size_t ndevices, enum road want, enum road *ret_road,
		struct firn_error *err) _must_check_;

#endif
