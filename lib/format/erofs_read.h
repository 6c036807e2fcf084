/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other direction of format/erofs.h: the tree that an image shows, as far as firn writes such
 * images. Everything in it is checked.
 */
#ifndef FIRN_FORMAT_EROFS_READ_H
#define FIRN_FORMAT_EROFS_READ_H

#include "bytes/stream.h"
#include "format/tree.h"

/* Where the content of a file is that has some. */
struct erofs_file {
	struct node *node; /* of the tree, as long as that lives */
	uint64_t size;
	uint64_t at;       /* its first byte in the image, or its first frame */
	uint64_t clusters; /* where the list of its frames is; 0: it isn't compressed */
	uint64_t offset;   /* the caller's */
};

struct erofs_files {
	struct erofs_file *list; /* by where they are */
	size_t n, room;
};

void erofs_files_done(struct erofs_files *f);

/* Whether there is an EROFS superblock in @src. */
bool erofs_begins(struct source *src);

/*
 * Whiteouts and opaque folders come out as such. The nodes' offsets are as in the list. @ret is to
 * be all zero, and erofs_files_done() in any case. -FIRN_ECORRUPT for what is broken, -FIRN_EUNSUPP
 * for what firn doesn't write, -FIRN_ELIMIT for more than @max names.
 */
int erofs_read(struct source *src, uint32_t max, struct tree **ret_tree, struct erofs_files *ret,
	       struct firn_error *err) _must_check_;

/*
 * The frame that has the byte @within of @f: where it is, how many bytes it takes at most, and how
 * many of the content come before it.
 */
int erofs_find_frame(struct source *src, const struct erofs_file *f, uint64_t within,
		     uint64_t *ret_at, size_t *ret_room, uint64_t *ret_before,
		     struct firn_error *err) _must_check_;

#endif
