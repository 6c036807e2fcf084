/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that pack zstd frames, for any number of streams one after the other: while one has work
 * there, the work of no other is. Frames come out in the order in which they were put in, so what
 * is made of them doesn't depend on the number of threads. Where no thread can be had, the caller's
 * own does the work.
 */
#ifndef FIRN_BYTES_FRAME_POOL_H
#define FIRN_BYTES_FRAME_POOL_H

#include "bytes/digest.h"

#include <stdbool.h>
#include <sys/types.h>

#define FRAME_POOL_THREADS_MAX     16
#define FRAME_POOL_THREADS_DEFAULT 8 /* at most, when nobody says how many */

struct frame_pool;

/* What somebody asks for: -FIRN_EINVAL for what there isn't. 0 is the default of each. */
int frame_pool_check(int level, unsigned threads, struct firn_error *err) _must_check_;
/* @threads 0: as many as there are processors for this process, up to a limit. */
int frame_pool_new(int level, unsigned threads, struct frame_pool **ret,
		   struct firn_error *err) _must_check_;
struct frame_pool *frame_pool_free(struct frame_pool *p);
void frame_pool_freep(struct frame_pool **p);

/* A piece of a stream, and its frame. */
struct frame_piece {
	const uint8_t *plain, *packed;
	size_t n, len;
	bool payload; /* as the stream said */
};

/* A stream. */
struct frame_client {
	/* Gets every piece, in the caller's thread. */
	int (*take)(struct frame_client *c, const struct frame_piece *piece,
		    struct firn_error *err);
	struct hasher *hasher; /* of all pieces, used by another thread meanwhile; may be NULL */
};

/*
 * The next @n bytes of @c, in *@bytes, which has room for FRAME_CONTENT_MAX: another one is given
 * in its place. What a stream that worked here before still waits for is finished first.
 */
int frame_pool_put(struct frame_pool *p, struct frame_client *c, uint8_t **bytes, size_t n,
		   bool payload, struct firn_error *err) _must_check_;
/* Until all pieces are taken, and hashed. */
int frame_pool_drain(struct frame_pool *p, struct firn_error *err) _must_check_;
/* Whatever @c still has in there is dropped. */
void frame_pool_forget(struct frame_pool *p, const struct frame_client *c);
/* A frame of the same kind, at once. */
ssize_t frame_pool_pack(struct frame_pool *p, const void *bytes, size_t n, void *out, size_t room,
			struct firn_error *err) _must_check_;

#endif
