/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pack_plain.h"

#include "base/fd.h"
#include "bytes/frame_writer.h"
#include "format/packed.h"

#include <string.h>

#define PIECE 7777 /* fits no boundary */

struct packing {
	struct source *plain;
	struct tree *tree;
	struct frame_pool *pool;
	struct frame_writer *writer;
	struct frames frames;
	struct buf body;
};

static void packing_done(struct packing *p)
{
	frame_writer_free(p->writer);
	frame_pool_free(p->pool);
	frames_done(&p->frames);
	buf_done(&p->body);
	tree_free(p->tree);
}

static int put(void *ctx, const void *bytes, size_t n, struct firn_error *err)
{
	buf_put(ctx, bytes, n);
	return buf_check(ctx, err);
}

static int copy(struct packing *p, uint64_t *at, uint64_t to, struct firn_error *err)
{
	uint8_t piece[PIECE];
	int rc = 0;

	while (rc == 0 && *at < to) {
		size_t n = to - *at < PIECE ? (size_t)(to - *at) : PIECE;

		rc = source_read_at(p->plain, piece, n, *at, err);
		if (rc == 0)
			rc = frame_writer_write(p->writer, piece, n, err);
		*at += n;
	}
	return rc;
}

/* The file whose content comes next, from @at on. */
static const struct node *next_payload(const struct tree *t, uint64_t at)
{
	const struct node *best = NULL;

	for (const struct node *n = t->root; n; n = tree_next(t, n))
		if (S_ISREG(n->mode) && n->size && !n->link && n->offset >= at &&
		    (!best || n->offset < best->offset))
			best = n;
	return best;
}

static int copy_all(struct packing *p, struct firn_error *err)
{
	uint64_t at = LAYER_HEAD_BYTES;
	const struct node *n;
	int rc;

	while ((n = next_payload(p->tree, at)))
		if ((rc = copy(p, &at, n->offset, err)) < 0 ||
		    (rc = frame_writer_payload(p->writer, n->size, err)) < 0 ||
		    (rc = copy(p, &at, n->offset + n->size, err)) < 0)
			return rc;
	return copy(p, &at, p->plain->size, err);
}

static int put_all(struct packing *p, bool large, struct buf *ret, struct firn_error *err)
{
	static uint8_t head[LAYER_HEAD_BYTES], frame[PACKED_HEAD_BYTES];
	_buf_ struct buf begin = BUF_INIT, packed = BUF_INIT;
	_cleanup_(sink_closep) struct sink *tail = NULL;
	uint64_t end;
	ssize_t len;
	int rc;

	if ((rc = frame_writer_finish(p->writer, &end, err)) < 0 ||
	    (rc = source_read_at(p->plain, head, sizeof(head), 0, err)) < 0)
		return rc;
	len = frame_pool_pack(p->pool, head, sizeof(head), frame, sizeof(frame), err);
	if (len < 0)
		return (int)len;
	buf_put(&packed, frame, (size_t)len);
	if (!large)
		packed_move_up(&p->frames, (size_t)len);
	if ((rc = sink_from_buf(&p->body, &tail, err)) < 0 ||
	    (rc = packed_finish(p->tree, &p->frames, &packed, tail, &begin, err)) < 0)
		return rc;
	buf_put(ret, begin.data, begin.len);
	buf_put(ret, p->body.data, p->body.len);
	return buf_check(ret, err);
}

int pack_plain(struct source *plain, int level, unsigned threads, bool large, struct buf *ret,
	       struct firn_error *err)
{
	_cleanup_(packing_done) struct packing p = { .plain = plain };
	int rc;

	if ((rc = layer_check(plain, &p.tree, err)) < 0 ||
	    (rc = frame_pool_new(level, threads, &p.pool, err)) < 0 ||
	    (rc = packed_begin(&p.frames, err)) < 0 ||
	    (rc = frame_writer_new(p.pool, PACKED_HEAD_BYTES, &p.frames, put, &p.body, &p.writer,
				   err)) < 0 ||
	    (rc = copy_all(&p, err)) < 0)
		return rc;
	return put_all(&p, large, ret, err);
}
