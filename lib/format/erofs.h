/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The EROFS writer: prints the metadata of an image whose file contents lie elsewhere, as
 * chunk-based inodes with device ids (erofs_fs.h: erofs_super_block, erofs_inode_extended,
 * erofs_inode_chunk_index, erofs_dirent, erofs_deviceslot). Deterministic: equal trees give equal
 * bytes; the uuid and all clocks are zero. The size of the metadata does not depend on where the
 * contents lie, so it can be planned before they are placed.
 */
#ifndef FIRN_FORMAT_EROFS_H
#define FIRN_FORMAT_EROFS_H

#include "base/buf.h"
#include "bytes/frames.h"
#include "bytes/sink.h"
#include "format/tree.h"

#define EROFS_SUPER_AT 1024 /* EROFS_SUPER_OFFSET */

struct erofs_device {
	char tag[65];   /* sha256 hex of the blob, or "" */
	uint64_t bytes; /* its size */
};

struct erofs_opts {
	unsigned block_bits; /* 12 for our layers, 9 for foreign tars */
	/*
	 * Where inodes and folders begin in the image file. 0: right behind the superblock and the
	 * device table. Otherwise a multiple of the block size (metadata behind the payloads).
	 */
	uint64_t meta_at;
	const struct erofs_device *devices;
	uint16_t ndevices;
	/*
	 * The image file is a zstd stream of these frames (bytes/frame_writer.h), and contents lie
	 * at offsets of what it unpacks to: they become compressed inodes. NULL: it isn't. Borrowed
	 * for as long as the plan is used.
	 */
	const struct frames *frames;
};

struct erofs; /* a plan: every node has its place */

/*
 * Can EROFS hold what is known of @n: its type, device numbers, target and xattrs? The place of the
 * content is not looked at.
 */
int erofs_check_node(const struct node *n, struct firn_error *err) _must_check_;

/*
 * Place every node of @tree (its nid, pos and nlink are set; whiteouts become 0:0 character
 * devices, opaque directories carry trusted.overlay.opaque=y). -FIRN_EUNSUPP for what EROFS can't
 * hold: a contents offset that is no multiple of the block size, an xattr namespace it has no index
 * for.
 */
int erofs_plan(struct tree *tree, const struct erofs_opts *opts, struct erofs **ret,
	       struct firn_error *err) _must_check_;
struct erofs *erofs_free(struct erofs *e);
void erofs_freep(struct erofs **e);

/*
 * Bytes from the image's beginning to behind the device table, and those of the metadata behind
 * them or at meta_at: multiples of the block size. With meta_at 0 some metadata may lie in the
 * head's last block, and the image has the sum of both.
 */
uint64_t erofs_head_bytes(const struct erofs *e);
uint64_t erofs_meta_bytes(const struct erofs *e);

/*
 * Print. @image_bytes is the size of the whole primary file, 0 when that is the metadata alone.
 * @head receives the bytes from offset 1024 of the image on: superblock, device table and, with
 * meta_at 0, the metadata up to a block boundary. @meta receives the metadata for meta_at (may be
 * NULL when meta_at is 0). The contents' offsets are read from the tree now, not at plan time.
 */
int erofs_emit(struct erofs *e, uint64_t image_bytes, struct buf *head, struct buf *meta,
	       struct firn_error *err) _must_check_;

/*
 * The same for a plan with meta_at, whose metadata may be large (with frames it has an entry for
 * every block of content): it goes to @meta in pieces.
 */
int erofs_emit_to(struct erofs *e, uint64_t image_bytes, struct buf *head, struct sink *meta,
		  struct firn_error *err) _must_check_;

#endif
