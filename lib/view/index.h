/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An uncompressed tar, wherever it lies in a file, as a mount: an EROFS index with 512-byte blocks
 * (tar's own alignment) whose one external device is that file. Only headers are read.
 */
#ifndef FIRN_VIEW_INDEX_H
#define FIRN_VIEW_INDEX_H

#include "format/tree.h"
#include "kernel/erofs_mount.h"
#include "view/cache.h"

#define INDEX_BLOCK_BITS 9

/* A detached mount. Caller closes fd. */
struct view_mount {
	int fd;
	enum road road;
};

/* The file that payloads lie in, and for messages and the device's tag its digest (may be NULL). */
struct index_file {
	int fd;
	const struct digest *digest;
	enum road want; /* as in erofs_mount() */
};

/*
 * Mount @tree, whose payloads all lie on device 1 at offsets of @file. The index is kept under
 * @diff_id, made for the tar from @at on, unless that is NULL.
 */
int index_mount(struct cache *c, struct tree *tree, const struct index_file *file,
		const struct digest *diff_id, uint64_t at, struct view_mount *ret,
		struct firn_error *err) _must_check_;

/* Mount the index that is kept for @diff_id: -FIRN_ENOTFOUND when there is none for this file. */
int index_mount_kept(struct cache *c, const struct index_file *file, const struct digest *diff_id,
		     uint64_t at, struct view_mount *ret, struct firn_error *err) _must_check_;

#endif
