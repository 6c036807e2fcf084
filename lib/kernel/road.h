/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The roads by which the bytes of a layer become a folder: EROFS, which the kernel reads from a
 * file or a loop device, and what is left where a kernel or a user can't do that.
 */
#ifndef FIRN_KERNEL_ROAD_H
#define FIRN_KERNEL_ROAD_H

enum road {
	ROAD_ANY = 0,
	ROAD_FILE_DIRECTIO, /* no second copy in the page cache (Linux 6.13, 6.12.y) */
	ROAD_FILE,
	ROAD_LOOP,
	ROAD_FUSE,
	ROAD_REFLINK, /* files of their own that share the blob's bytes on the disk */
	ROAD_COPY,
};

/*
 * "erofs-file-directio", "erofs-file", "erofs-loop", "fuse", "reflink", "copy"; "none" for ROAD_ANY
 */
const char *road_name(enum road r);

#endif
