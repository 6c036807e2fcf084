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
#include "view/shared.h"

#define INDEX_BLOCK_BITS 9

enum view_flags {
	VIEW_STRICT = 1 << 0, /* refuse a layer whose own index isn't that of its tar */
	/* Of trees: prove a layer's digest, and each of its bytes whenever it is read. */
	VIEW_CHECKED = 1 << 1,
	/* Of trees: also of layers that lie in no file, but in a registry. They are read by whoever
	 * asks for them, and can't be handed to another process. */
	VIEW_FAR = 1 << 2,
};

/* What every view of a bundle is made with. */
struct view {
	struct cache *cache;
	unsigned flags;
	enum road road;                   /* ROAD_ANY, or the one to take */
	const struct firn_report *report; /* may be NULL */
	const char *bundle;               /* STATE/ID, see view/shared.h; NULL: nothing is shared */
};

/* A detached mount. Caller closes fd. */
struct view_mount {
	int fd;
	enum road road;
};

/* The file that payloads lie in, and for messages and the device's tag its digest (may be NULL). */
struct index_file {
	int fd;
	const struct digest *digest;
	enum erofs_use use;
};

/*
 * Mount @tree, whose payloads all lie on device 1 at offsets of @file. The index is kept under
 * @diff_id, made for the tar from @at on, unless that is NULL.
 */
int index_mount(const struct view *v, struct tree *tree, const struct index_file *file,
		const struct digest *diff_id, uint64_t at, struct view_mount *ret,
		struct firn_error *err) _must_check_;

/* Mount the index that is kept for @diff_id: -FIRN_ENOTFOUND when there is none for this file. */
int index_mount_kept(const struct view *v, const struct index_file *file,
		     const struct digest *diff_id, uint64_t at, struct view_mount *ret,
		     struct firn_error *err) _must_check_;

#endif
