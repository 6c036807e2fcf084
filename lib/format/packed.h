/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The compressed form of a mountable layer: an ordinary zstd stream of the plain form
 * (format/layer.h), byte for byte, and an EROFS image whose compressed extents are frames of that
 * stream (firn-format(5), "Compressed layers"; from Linux 6.10 on).
 *
 *   0        an empty frame, since some readers know zstd by its first four bytes alone; then a
 *            skippable frame up to 4096 that has the superblock at 1024
 *   4096     the frame of the plain form's head, then a skippable frame up to a multiple of 4096
 *   ...      the frames of what follows (bytes/frame_writer.h)
 *   ...      a skippable frame to the end: zeros to a multiple of 4096, then the metadata
 *
 * The plain form's head is known last and the frame of it has any size. A large layer has room for
 * the largest one, 72 KiB from the beginning, and is written in one pass; frames of a small one are
 * kept until the end and moved up to where the head ends.
 *
 * The compressed bytes themselves depend on the library that made them. The index doesn't: it is
 * made of where the frames lie, and can be made again by whoever looks at their headers.
 */
#ifndef FIRN_FORMAT_PACKED_H
#define FIRN_FORMAT_PACKED_H

#include "format/layer.h"

#include "bytes/frames.h"
#include "bytes/sink.h"

#define PACKED_SUPER_BYTES LAYER_BLOCK /* before the plain head's frame */
#define PACKED_HEAD_BYTES  (72u << 10) /* of a large layer */

/* The frame of the plain form's head as the first one of @f, whose size is not known yet. */
int packed_begin(struct frames *f, struct firn_error *err) _must_check_;

/*
 * After the last frame, of which @f has all: @tree's contents lie in them. @frame is that of the
 * plain form's head. The tail goes to @tail, and @head, of as many bytes as there are before the
 * second frame, belongs at offset 0.
 */
int packed_finish(struct tree *tree, struct frames *f, const struct buf *frame, struct sink *tail,
		  struct buf *head, struct firn_error *err) _must_check_;
/*
 * Before that: all frames but the first, which were made for PACKED_HEAD_BYTES before them, lie
 * right behind a head with a first frame of @len bytes. Returns the head's size.
 */
uint64_t packed_move_up(struct frames *f, size_t len);

/* Whether @src begins as such a layer does. */
bool packed_begins(struct source *src);

/*
 * If *src begins so, and can be read at any place: 1, and in its place a source of the plain form
 * that owns it. 0 when it stays what it is.
 */
int packed_open(struct source **src);

/*
 * An enum layer_kind, as from layer_check(): only headers of frames are read, and the frames of the
 * tar's headers unpacked. @ret_tree (may be NULL) receives the tree of a layer that is ours.
 */
int packed_check(struct source *src, struct tree **ret_tree, struct firn_error *err) _must_check_;

#endif
