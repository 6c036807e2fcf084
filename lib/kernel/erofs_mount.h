/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * EROFS images mounted from open files. The kernel reads them as files from Linux 6.12 on, if their
 * file system has read_folio (ext4, xfs, btrfs; not tmpfs, not overlayfs); otherwise the very same
 * images go through loop devices.
 */
#ifndef FIRN_KERNEL_EROFS_MOUNT_H
#define FIRN_KERNEL_EROFS_MOUNT_H

#include "base/error.h"

#include <stddef.h>

enum erofs_method {
	EROFS_FILE_DIRECTIO = 1, /* no second copy in the page cache (Linux 6.13, 6.12.y) */
	EROFS_FILE,
	EROFS_LOOP,
};

/* "erofs-file-directio", "erofs-file", "erofs-loop" */
const char *erofs_method_name(enum erofs_method m);

/*
 * Mount the image in @image, whose device table has @ndevices slots that @devices fill in order.
 * Read-only, nodev, nosuid, noexec. All files are borrowed: the mount keeps what it needs. Returns
 * the descriptor of a detached mount; -FIRN_EUNSUPP when this kernel has no EROFS.
 */
int erofs_mount(int image, const int *devices, size_t ndevices, enum erofs_method *ret_method,
		struct firn_error *err) _must_check_;

#endif
