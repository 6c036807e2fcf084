/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mountable layer on its way into a store: format/layer prints the headers, the payloads go from
 * a stream straight into the unnamed blob.
 */
#ifndef FIRN_INGEST_LAYER_OUT_H
#define FIRN_INGEST_LAYER_OUT_H

#include "format/layer.h"
#include "image/packed_out.h"
#include "store/store.h"

/* Where layers go. */
struct layer_dest {
	struct store *store;
	struct frame_pool *pool; /* NULL: they aren't compressed */
};

/*
 * Told about every piece of a payload: @n bytes at @at of the member @path. The first piece has
 * LAYER_OUT_PIECE bytes unless the whole payload has fewer.
 */
typedef void layer_out_watch(const char *path, const void *bytes, size_t n, uint64_t at, void *ctx);

#define LAYER_OUT_PIECE (512u << 10)

struct layer_out {
	struct layer *layer;
	struct blob_writer *blob;  /* sealed once the layer is finished */
	struct packed_out *packed; /* instead, until then, of a layer that is compressed */
	layer_out_watch *watch;    /* may be NULL */
	void *ctx;
	struct buf headers; /* of one member, used again */
	uint8_t *piece;
	uint64_t payload;      /* bytes of all payloads */
	uint64_t left;         /* bytes for layer_out_put() to come */
	struct digest digest;  /* of the finished blob */
	struct digest diff_id; /* the same if it isn't compressed */
	uint64_t size;
};

int layer_out_open(struct layer_out *o, const struct layer_dest *to, layer_out_watch *watch,
		   void *ctx, struct firn_error *err) _must_check_;
void layer_out_done(struct layer_out *o);

/*
 * With @to NULL it is a rehearsal: members are taken as ever, their payloads not looked at, and in
 * the end layer_out_head() tells the head that a layer of just these members has.
 */
int layer_out_head(struct layer_out *o, struct buf *ret, struct firn_error *err) _must_check_;
/* Tell a layer, early, the head that it will probably have (blob_expect_head()). */
int layer_out_expect(struct layer_out *o, const struct buf *head,
		     struct firn_error *err) _must_check_;

/*
 * A member and its payload, exactly e->size bytes of @in, which may be NULL when that is 0. A
 * stream that ends early is -FIRN_ECORRUPT; what is left of it is not read.
 */
int layer_out_add(struct layer_out *o, const struct layer_entry *e, struct istream *in,
		  struct firn_error *err) _must_check_;
/*
 * The same in steps, for a payload that somebody else reads: the member, then layer_out_put() until
 * e->size bytes are there. More than these are -FIRN_ECORRUPT.
 */
int layer_out_begin(struct layer_out *o, const struct layer_entry *e,
		    struct firn_error *err) _must_check_;
int layer_out_put(struct layer_out *o, const void *bytes, size_t n,
		  struct firn_error *err) _must_check_;
/* Mark the folder @path as opaque. */
int layer_out_opaque(struct layer_out *o, const char *path, struct firn_error *err) _must_check_;

/* The folder or other member at @path, or NULL. */
const struct node *layer_out_find(const struct layer_out *o, const char *path);

/* Head, tail and digest. */
int layer_out_finish(struct layer_out *o, struct firn_error *err) _must_check_;

#endif
