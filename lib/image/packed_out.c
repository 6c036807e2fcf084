/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/packed_out.h"

#include "base/fd.h"
#include "bytes/frame_writer.h"

#include <string.h>

#define REREAD_BYTES (256u << 10)
#define HELD_MAX     (1u << 20) /* bytes of frames until a layer is a large one */

struct packed_out {
	struct frame_pool *pool;
	struct store *store;
	struct blob_writer *blob; /* NULL: everything is held */
	struct buf held;
	struct frames frames;
	struct frame_writer *writer;
	struct buf expected;   /* the plain form's head, or empty */
	struct hasher *hasher; /* of the plain form with that head */
};

struct packed_out *packed_out_free(struct packed_out *p)
{
	if (!p)
		return NULL;
	frame_writer_free(p->writer); /* before the hasher that its threads use */
	hasher_free(p->hasher);
	frames_done(&p->frames);
	buf_done(&p->expected);
	buf_done(&p->held);
	blob_free(p->blob);
	free(p);
	return NULL;
}

static int put(void *ctx, const void *bytes, size_t n, struct firn_error *err)
{
	struct packed_out *p = ctx;
	int rc;

	if (p->blob)
		return blob_write(p->blob, bytes, n, err);
	buf_put(&p->held, bytes, n);
	rc = buf_check(&p->held, err);
	if (rc < 0 || p->held.len <= HELD_MAX)
		return rc;
	if ((rc = blob_new(p->store, PACKED_HEAD_BYTES, &p->blob, err)) < 0 ||
	    (rc = blob_write(p->blob, p->held.data, p->held.len, err)) < 0)
		return rc;
	buf_done(&p->held);
	p->held = (struct buf)BUF_INIT;
	return 0;
}

int packed_out_open(struct frame_pool *pool, struct store *s, struct packed_out **ret,
		    struct firn_error *err)
{
	struct packed_out *p = calloc(1, sizeof(*p));
	int rc = p ? packed_begin(&p->frames, err) : firn_fail_oom(err, "layer");

	if (rc == 0)
		rc = frame_writer_new(pool, PACKED_HEAD_BYTES, &p->frames, put, p, &p->writer, err);
	if (rc < 0) {
		packed_out_free(p);
		return rc;
	}
	p->pool = pool;
	p->store = s;
	*ret = p;
	return 0;
}

int packed_out_expect(struct packed_out *p, const struct buf *head, struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	int rc;

	buf_put(&p->expected, head->data, head->len);
	if ((rc = buf_check(&p->expected, err)) < 0 ||
	    (rc = hasher_new(DIGEST_SHA256, &h, err)) < 0 ||
	    (rc = hasher_update(h, head->data, head->len, err)) < 0)
		return rc;
	if (frame_writer_hash(p->writer, h))
		p->hasher = take_ptr(&h);
	return 0;
}

int packed_out_payload(struct packed_out *p, uint64_t size, struct firn_error *err)
{
	return size ? frame_writer_payload(p->writer, size, err) : 0;
}

int packed_out_write(struct packed_out *p, const void *bytes, size_t n, struct firn_error *err)
{
	return frame_writer_write(p->writer, bytes, n, err);
}

/* The digest of what the sealed blob unpacks to. */
static int hash_plain(struct packed_out *p, struct digest *ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *packed = NULL, *plain = NULL;
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	_free_ uint8_t *piece = malloc(REREAD_BYTES);
	int rc = piece ? 0 : firn_fail_oom(err, "layer");

	if (rc < 0 || (rc = blob_source(p->blob, &packed, err)) < 0 ||
	    (rc = frames_source(packed, &p->frames, &plain, err)) < 0 ||
	    (rc = hasher_new(DIGEST_SHA256, &h, err)) < 0)
		return rc;
	for (uint64_t at = 0; at < plain->size;) {
		ssize_t got = source_pread(plain, piece, REREAD_BYTES, at, err);

		if (got <= 0)
			return got < 0 ? (int)got : firn_fail(err, FIRN_EFAIL, "lost bytes");
		rc = hasher_update(h, piece, (size_t)got, err);
		if (rc < 0)
			return rc;
		at += (uint64_t)got;
	}
	return hasher_final(h, ret, err);
}

static int pack_head(struct packed_out *p, const struct buf *head, struct buf *ret,
		     struct firn_error *err)
{
	ssize_t len;
	int rc;

	buf_fill(ret, 0, PACKED_HEAD_BYTES);
	rc = buf_check(ret, err);
	if (rc < 0)
		return rc;
	len = frame_pool_pack(p->pool, head->data, head->len, ret->data, ret->len, err);
	if (len < 0)
		return (int)len;
	ret->len = (size_t)len;
	return 0;
}

/* Through the sink that a tail is written to. */
struct to_blob {
	struct sink sink;
	struct blob_writer *blob;
};

static int to_blob_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	return blob_write(((struct to_blob *)s)->blob, bytes, n, err);
}

static int finish_large(struct packed_out *p, struct tree *tree, const struct buf *frame,
			struct firn_error *err)
{
	static const struct sink_ops ops = { .write = to_blob_write };
	struct to_blob tail = { .sink.ops = &ops, .blob = p->blob };
	_buf_ struct buf head = BUF_INIT;
	int rc = packed_finish(tree, &p->frames, frame, &tail.sink, &head, err);

	return rc < 0 ? rc : blob_fill_head(p->blob, head.data, head.len, err);
}

/* The frames are all there: from the first byte to the last. */
static int finish_small(struct packed_out *p, struct tree *tree, const struct buf *frame,
			struct firn_error *err)
{
	_cleanup_(sink_closep) struct sink *tail = NULL;
	_buf_ struct buf head = BUF_INIT;
	int rc;

	packed_move_up(&p->frames, frame->len);
	if ((rc = sink_from_buf(&p->held, &tail, err)) < 0 ||
	    (rc = packed_finish(tree, &p->frames, frame, tail, &head, err)) < 0 ||
	    (rc = blob_new(p->store, 0, &p->blob, err)) < 0 ||
	    (rc = blob_write(p->blob, head.data, head.len, err)) < 0)
		return rc;
	return blob_write(p->blob, p->held.data, p->held.len, err);
}

int packed_out_end(struct packed_out *p, struct tree *tree, const struct buf *head,
		   struct packed_out_result *ret, struct firn_error *err)
{
	_buf_ struct buf frame = BUF_INIT;
	struct packed_out_result r = { .blob = NULL };
	uint64_t end;
	int rc;

	if ((rc = frame_writer_finish(p->writer, &end, err)) < 0 ||
	    (rc = pack_head(p, head, &frame, err)) < 0)
		return rc;
	rc = p->blob ? finish_large(p, tree, &frame, err) : finish_small(p, tree, &frame, err);
	if (rc < 0 || (rc = blob_seal(p->blob, &r.digest, &r.size, err)) < 0)
		return rc;
	if (p->hasher && head->len == p->expected.len &&
	    memcmp(head->data, p->expected.data, head->len) == 0)
		rc = hasher_final(p->hasher, &r.plain, err);
	else
		rc = hash_plain(p, &r.plain, err);
	if (rc < 0)
		return rc;
	r.blob = take_ptr(&p->blob);
	*ret = r;
	return 0;
}

int packed_out_finish(struct packed_out *p, struct layer *l, struct packed_out_result *ret,
		      struct firn_error *err)
{
	_buf_ struct buf tail = BUF_INIT, head = BUF_INIT;
	int rc;

	if ((rc = layer_finish(l, &tail, &head, err)) < 0 ||
	    (rc = packed_out_write(p, tail.data, tail.len, err)) < 0)
		return rc;
	return packed_out_end(p, layer_tree(l), &head, ret, err);
}
