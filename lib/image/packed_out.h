/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The compressed form of a layer on its way into a blob (format/packed.h). Gets what would be the
 * bytes of the plain form, from behind its head on.
 */
#ifndef FIRN_IMAGE_PACKED_OUT_H
#define FIRN_IMAGE_PACKED_OUT_H

#include "bytes/frame_pool.h"
#include "format/packed.h"
#include "store/store.h"

struct packed_out;

/* Borrows both. */
int packed_out_open(struct frame_pool *pool, struct store *s, struct packed_out **ret,
		    struct firn_error *err) _must_check_;
struct packed_out *packed_out_free(struct packed_out *p);

/*
 * The plain form's head will probably be @head: then its digest is made along the way, or else of
 * what the blob unpacks to, at the end.
 */
int packed_out_expect(struct packed_out *p, const struct buf *head,
		      struct firn_error *err) _must_check_;

/* The next @size bytes are a payload. */
int packed_out_payload(struct packed_out *p, uint64_t size, struct firn_error *err) _must_check_;
int packed_out_write(struct packed_out *p, const void *bytes, size_t n,
		     struct firn_error *err) _must_check_;

struct packed_out_result {
	struct blob_writer *blob; /* sealed; the caller's */
	struct digest digest;     /* of it */
	uint64_t size;
	struct digest plain; /* of the plain form */
};

/*
 * All bytes of the plain form behind its @head are written, and @tree has its payloads by their
 * offsets there: now all that belongs to this form.
 */
int packed_out_end(struct packed_out *p, struct tree *tree, const struct buf *head,
		   struct packed_out_result *ret, struct firn_error *err) _must_check_;
/* Tail and head of @l, then packed_out_end(). */
int packed_out_finish(struct packed_out *p, struct layer *l, struct packed_out_result *ret,
		      struct firn_error *err) _must_check_;

#endif
