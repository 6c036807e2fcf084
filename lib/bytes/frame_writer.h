/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A zstd stream whose payloads can be found in it: each payload begins with a frame of its own, at
 * a multiple of FRAME_BLOCK of the stream, as do its other frames, which hold a multiple of
 * FRAME_BLOCK of it but for the last one. What lies between payloads is in frames as they come. The
 * room between frames is skippable frames.
 *
 * A payload of one block that doesn't get smaller is stored in its frame, so that its bytes begin
 * at a multiple of FRAME_BLOCK; else the last frame has two blocks of a payload at least. So every
 * frame of a payload is a whole extent of blocks for EROFS, which has no way to say that one block
 * of content takes two.
 */
#ifndef FIRN_BYTES_FRAME_WRITER_H
#define FIRN_BYTES_FRAME_WRITER_H

#include "bytes/frame_pool.h"
#include "bytes/frames.h"

#define FRAME_BLOCK 4096u

struct frame_writer;

/* Where the stream goes, piece by piece. */
typedef int frame_put(void *ctx, const void *bytes, size_t n, struct firn_error *err);

/*
 * A stream from the offset @at on, where content from @plain on will be; its frames are added to
 * @index. Borrows all of them.
 */
int frame_writer_new(struct frame_pool *pool, uint64_t at, struct frames *index, frame_put *put,
		     void *ctx, struct frame_writer **ret, struct firn_error *err) _must_check_;
struct frame_writer *frame_writer_free(struct frame_writer *w);
void frame_writer_freep(struct frame_writer **w);

/*
 * Have @hasher, which is borrowed, hash all content from another thread until
 * frame_writer_finish(). Too late once a frame was made: then false, and it gets nothing.
 */
bool frame_writer_hash(struct frame_writer *w, struct hasher *hasher);

/* The next @size bytes are a payload. */
int frame_writer_payload(struct frame_writer *w, uint64_t size,
			 struct firn_error *err) _must_check_;
int frame_writer_write(struct frame_writer *w, const void *bytes, size_t n,
		       struct firn_error *err) _must_check_;
/* All frames are out; payloads must be complete. @ret_at: where the stream ends. */
int frame_writer_finish(struct frame_writer *w, uint64_t *ret_at,
			struct firn_error *err) _must_check_;

/* The header of a skippable frame that takes @n bytes with it: FRAME_SKIP_BYTES at least. */
void frame_put_skip(uint8_t to[FRAME_SKIP_BYTES], uint32_t n);

#endif
