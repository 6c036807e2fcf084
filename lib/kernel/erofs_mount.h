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

/* What the image's files are read for. */
enum erofs_use {
	EROFS_ROOTFS, /* here and there */
	EROFS_DATA,   /* CRIU's images: once, whole and in order. The kernel reads far ahead. */
	/*
	 * Of either, compressed. What the kernel unpacks lies in its page cache, where the proof of
	 * the layer has read it. With direct I/O it would be read from the disk once more, and be
	 * unpacked by a kernel thread that goes before all others.
	 */
	EROFS_PACKED,
};

struct erofs_image {
	int fd;
	const int *devices; /* what the slots of its device table stand for, in order */
	size_t ndevices;
	enum erofs_use use;
	/* ROAD_FILE and ROAD_LOOP force one of them, and fail with -FIRN_EUNSUPP where it can't be;
	 * ROAD_ANY takes the first that works. */
	enum road want;
};

/*
 * Mount @image read-only, nodev, nosuid, noexec. All files are borrowed: the mount keeps what it
 * needs. Returns the descriptor of a detached mount; -FIRN_EUNSUPP when this kernel has no EROFS.
 */
int erofs_mount(const struct erofs_image *image, enum road *ret_road,
		struct firn_error *err) _must_check_;

#endif
