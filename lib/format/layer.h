/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mountable layers: one blob that is an ordinary pax tar and, in its first 64 KiB, an EROFS image
 * of the same tree (firn-format(5), "Mountable layers").
 *
 *   0        header "x" of "./", its "comment" record: superblock at 1024, small metadata; then
 *            the records that the root itself needs; 64 KiB in all
 *   64 KiB   header of "./", then the members in the order they were given; payloads 4096-aligned
 *   ...      end-of-archive marker, zeros to a multiple of 4096
 *   ...      metadata that did not fit the head, a multiple of 4096
 *
 * A payload that would not begin at a multiple of 4096 by itself has a "comment" of spaces as its
 * member's last record. Times before 1970 lose their fraction, since readers disagree on its sign.
 * Hard links repeat the attributes of what they link to; whiteouts have none.
 *
 * The head has one size for every layer, so that a layer can be written in one pass over an input
 * whose members nobody knows yet, and comes out the same from a pipe as from a file.
 *
 * This module prints headers and never sees a payload: the caller writes what layer_add() gives,
 * then exactly entry.size bytes, and so on; at the end layer_finish() gives the tail to append and
 * the head to put at offset 0, for which the caller had left LAYER_HEAD_BYTES.
 */
#ifndef FIRN_FORMAT_LAYER_H
#define FIRN_FORMAT_LAYER_H

#include "base/buf.h"
#include "bytes/stream.h"
#include "format/tree.h"

#define LAYER_HEAD_BYTES 65536u
#define LAYER_BLOCK      4096u

struct layer;

int layer_new(struct layer **ret, struct firn_error *err) _must_check_;
struct layer *layer_free(struct layer *l);
void layer_freep(struct layer **l);

/* What may be set of a member; path is normalised, "" describes the root. */
struct layer_entry {
	const char *path;
	const char *target; /* symbolic or hard link */
	bool hardlink;
	bool whiteout; /* path names what is hidden, not ".wh.NAME" */
	bool opaque;   /* directory that hides the layers below */
	uint32_t mode, uid, gid, major, minor;
	uint64_t size;
	int64_t mtime;
	uint32_t mtime_ns;
	const struct xattr *xattrs;
};

/*
 * Append a member. @ret (reset first) receives what goes into the blob before its payload: padding
 * of the member before, pax records, header. The root may only be described first. A parent that is
 * no directory of this layer yet, a second entry of a path, or a hard link to nothing is
 * -FIRN_ECORRUPT: the caller describes parents first (layer_has()).
 */
int layer_add(struct layer *l, const struct layer_entry *e, struct buf *ret,
	      struct firn_error *err) _must_check_;

/*
 * Mark the directory @path, which was added before, as opaque: appends its ".wh..wh..opq" member.
 * For a converter that learns of the deletion last.
 */
int layer_set_opaque(struct layer *l, const char *path, struct buf *ret,
		     struct firn_error *err) _must_check_;

/* The member at @path, or NULL. */
const struct node *layer_find(const struct layer *l, const char *path);

/* Bytes of the blob so far, head and current payload included. */
uint64_t layer_bytes(const struct layer *l);
/* Of a finished layer: payloads by their offsets in the blob. Borrowed. */
struct tree *layer_tree(struct layer *l);
bool layer_empty(const struct layer *l); /* no member but the root */

/* @tail is to be appended, @head (LAYER_HEAD_BYTES) belongs at offset 0. Only layer_free() follows.
 */
int layer_finish(struct layer *l, struct buf *tail, struct buf *head,
		 struct firn_error *err) _must_check_;

enum layer_kind {
	LAYER_FOREIGN = 0, /* no EROFS superblock: an ordinary tar */
	LAYER_OURS = 1,    /* the embedded index equals the one made from the tar headers */
	LAYER_FORGED = 2,  /* it has an index of its own, but is not what we make of its members */
};

/*
 * Read the headers of the uncompressed layer @src, make its index again and compare. Returns an
 * enum layer_kind. @ret_tree (may be NULL) receives the tree with payload offsets on device 0:
 * multiples of LAYER_BLOCK for LAYER_OURS, else of 512 (tar_scan() with TAR_WHITEOUTS_FOREIGN,
 * whose errors are returned).
 */
int layer_check(struct source *src, struct tree **ret_tree, struct firn_error *err) _must_check_;

#endif
