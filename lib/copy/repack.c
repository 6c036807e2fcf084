/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/repack.h"

#include "base/fd.h"

#include <stdlib.h>

#define PIECE_BYTES (512u << 10)

struct payload {
	uint64_t at, size;
};

struct repack {
	struct source *src;
	const struct store_watch *watch;
	struct packed_out *out;
	struct payload *payloads;
	size_t n;
	uint8_t *piece;
	uint64_t at; /* in src */
};

static void repack_done(struct repack *r)
{
	packed_out_free(r->out);
	free(r->payloads);
	free(r->piece);
}

static bool has_payload(const struct node *n)
{
	return S_ISREG(n->mode) && !n->link && n->size;
}

static int by_place(const void *va, const void *vb)
{
	const struct payload *a = va, *b = vb;

	return a->at < b->at ? -1 : a->at > b->at;
}

/* In the order in which they lie there. */
static int find_payloads(struct repack *r, const struct tree *tree, struct firn_error *err)
{
	size_t n = 0;

	for (const struct node *i = tree->root; i; i = tree_next(tree, i))
		n += has_payload(i);
	r->payloads = calloc(n + 1, sizeof(*r->payloads));
	if (!r->payloads)
		return firn_fail_oom(err, "layer");
	for (const struct node *i = tree->root; i; i = tree_next(tree, i))
		if (has_payload(i))
			r->payloads[r->n++] = (struct payload){ i->offset, i->size };
	qsort(r->payloads, r->n, sizeof(*r->payloads), by_place);
	return 0;
}

/* Up to @end of the source. */
static int move(struct repack *r, uint64_t end, struct firn_error *err)
{
	while (r->at < end) {
		const uint64_t left = end - r->at;
		const size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
		int rc;

		if ((rc = source_read_at(r->src, r->piece, n, r->at, err)) < 0 ||
		    (rc = packed_out_write(r->out, r->piece, n, err)) < 0 ||
		    (rc = r->watch->moved(n, r->watch->ctx, err)) < 0)
			return rc;
		r->at += n;
	}
	return 0;
}

static int move_all(struct repack *r, struct firn_error *err)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct payload *p = &r->payloads[i];
		int rc;

		if (p->at < r->at || p->size > r->src->size || p->at > r->src->size - p->size)
			return firn_fail(err, FIRN_ECORRUPT, "its index is not that of its tar");
		if ((rc = move(r, p->at, err)) < 0 ||
		    (rc = packed_out_payload(r->out, p->size, err)) < 0 ||
		    (rc = move(r, p->at + p->size, err)) < 0)
			return rc;
	}
	return move(r, r->src->size, err);
}

static int read_head(struct repack *r, struct buf *ret, struct firn_error *err)
{
	int rc;

	buf_fill(ret, 0, LAYER_HEAD_BYTES);
	if ((rc = buf_check(ret, err)) < 0 ||
	    (rc = source_read_at(r->src, ret->data, ret->len, 0, err)) < 0)
		return rc;
	r->at = LAYER_HEAD_BYTES;
	return r->watch->moved(LAYER_HEAD_BYTES, r->watch->ctx, err);
}

int repack(struct source *src, struct tree *tree, struct frame_pool *pool, struct store *to,
	   const struct store_watch *watch, struct packed_out_result *ret, struct firn_error *err)
{
	_cleanup_(repack_done) struct repack r = { .src = src, .watch = watch };
	_buf_ struct buf head = BUF_INIT;
	int rc;

	r.piece = malloc(PIECE_BYTES);
	if (!r.piece)
		return firn_fail_oom(err, "layer");
	if ((rc = find_payloads(&r, tree, err)) < 0 ||
	    (rc = packed_out_open(pool, to, &r.out, err)) < 0 ||
	    (rc = read_head(&r, &head, err)) < 0 ||
	    (rc = packed_out_expect(r.out, &head, err)) < 0 || (rc = move_all(&r, err)) < 0)
		return rc;
	return packed_out_end(r.out, tree, &head, ret, err);
}
