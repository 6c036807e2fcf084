/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A second opinion on EROFS images: walks an image in memory from the superblock through the
 * folders and prints a line for each name, in the order of the folders. It shares no code with the
 * writer, and stops the test at anything that the kernel would refuse.
 *
 *   PATH MODE NLINK UID GID MTIME.NS [size=N dev=N at=N | -> TARGET | rdev=MAJOR:MINOR]
 * [NAME=HEX]...
 */
#ifndef FIRN_TESTS_UNIT_EROFS_READ_H
#define FIRN_TESTS_UNIT_EROFS_READ_H

#include "base/buf.h"
#include "format/tree.h"

struct erofs_image {
	const uint8_t *bytes;
	size_t size;
	unsigned bits;
	uint64_t meta; /* address of nid 0 */
	uint64_t root, inodes, blocks;
	uint16_t devices;
	const uint8_t *device_table;
};

/* Check and decode the superblock. */
void erofs_image_open(struct erofs_image *ret, const uint8_t *bytes, size_t size);
/* The whole tree as text. */
void erofs_image_list(const struct erofs_image *im, struct buf *ret);

/* The same text of a tree whose nlink is set: what an image of it must say. */
void tree_list(const struct node *n, struct buf *ret);

#endif
