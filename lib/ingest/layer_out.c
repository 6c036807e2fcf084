/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/layer_out.h"

#include "base/fd.h"
#include "base/path.h"

void layer_out_done(struct layer_out *o)
{
	o->layer = layer_free(o->layer);
	o->packed = packed_out_free(o->packed);
	o->blob = blob_free(o->blob);
	buf_done(&o->headers);
	free(o->piece);
	o->piece = NULL;
}

static int open_blob(struct layer_out *o, const struct layer_dest *to, struct firn_error *err)
{
	return to->pool ? packed_out_open(to->pool, to->store, &o->packed, err)
			: blob_new(to->store, LAYER_HEAD_BYTES, &o->blob, err);
}

/* Nothing is written. */
static bool rehearses(const struct layer_out *o)
{
	return !o->blob && !o->packed;
}

static int put(struct layer_out *o, const void *bytes, size_t n, struct firn_error *err)
{
	return o->packed ? packed_out_write(o->packed, bytes, n, err)
			 : blob_write(o->blob, bytes, n, err);
}

/* What comes before a payload, which then has @size bytes. */
static int put_headers(struct layer_out *o, uint64_t size, struct firn_error *err)
{
	int rc = put(o, o->headers.data, o->headers.len, err);

	return rc < 0 || !o->packed ? rc : packed_out_payload(o->packed, size, err);
}

int layer_out_open(struct layer_out *o, const struct layer_dest *to, layer_out_watch *watch,
		   void *ctx, struct firn_error *err)
{
	_cleanup_(layer_out_done) struct layer_out new = { .watch = watch, .ctx = ctx };
	int rc;

	new.piece = malloc(LAYER_OUT_PIECE);
	if (!new.piece)
		return firn_fail_oom(err, "layer");
	if ((rc = layer_new(&new.layer, err)) < 0 || (to && (rc = open_blob(&new, to, err)) < 0))
		return rc;
	*o = new;
	new = (struct layer_out){ 0 };
	return 0;
}

static int copy_payload(struct layer_out *o, const struct layer_entry *e, struct istream *in,
			struct firn_error *err)
{
	uint64_t at = 0;

	while (at < e->size) {
		const uint64_t left = e->size - at;
		const size_t want = left < LAYER_OUT_PIECE ? (size_t)left : LAYER_OUT_PIECE;
		const ssize_t n = istream_read_full(in, o->piece, want, err);
		int rc;

		if (n < 0)
			return (int)n;
		if ((size_t)n < want)
			return firn_fail(err, FIRN_ECORRUPT, "ends %llu bytes early",
					 (unsigned long long)(left - (size_t)n));
		rc = put(o, o->piece, want, err);
		if (rc < 0)
			return rc;
		if (o->watch)
			o->watch(e->path, o->piece, want, at, o->ctx);
		at += want;
		o->payload += want;
	}
	return 0;
}

int layer_out_begin(struct layer_out *o, const struct layer_entry *e, struct firn_error *err)
{
	int rc = layer_add(o->layer, e, &o->headers, err);

	if (rc < 0 || rehearses(o))
		return rc;
	o->left = e->size;
	return put_headers(o, e->size, err);
}

int layer_out_put(struct layer_out *o, const void *bytes, size_t n, struct firn_error *err)
{
	if (n > o->left)
		return firn_fail(err, FIRN_ECORRUPT, "has more bytes than its header says");
	o->left -= n;
	o->payload += n;
	return put(o, bytes, n, err);
}

int layer_out_add(struct layer_out *o, const struct layer_entry *e, struct istream *in,
		  struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = layer_add(o->layer, e, &o->headers, err);

	if (rc < 0 || rehearses(o))
		return rc;
	rc = put_headers(o, e->size, err);
	if (rc >= 0)
		rc = copy_payload(o, e, in, err);
	return firn_wrap(err, rc, "entry %s", path_quote(e->path, quoted));
}

int layer_out_opaque(struct layer_out *o, const char *path, struct firn_error *err)
{
	int rc = layer_set_opaque(o->layer, path, &o->headers, err);

	return rc < 0 ? rc : put_headers(o, 0, err);
}

const struct node *layer_out_find(const struct layer_out *o, const char *path)
{
	return layer_find(o->layer, path);
}

int layer_out_head(struct layer_out *o, struct buf *ret, struct firn_error *err)
{
	_buf_ struct buf tail = BUF_INIT;

	return layer_finish(o->layer, &tail, ret, err);
}

int layer_out_expect(struct layer_out *o, const struct buf *head, struct firn_error *err)
{
	return o->packed ? packed_out_expect(o->packed, head, err)
			 : blob_expect_head(o->blob, head->data, head->len, err);
}

static int finish_packed(struct layer_out *o, struct firn_error *err)
{
	struct packed_out_result r;
	int rc = packed_out_finish(o->packed, o->layer, &r, err);

	if (rc < 0)
		return rc;
	o->blob = r.blob;
	o->digest = r.digest;
	o->diff_id = r.plain;
	o->size = r.size;
	o->packed = packed_out_free(o->packed);
	o->layer = layer_free(o->layer);
	return 0;
}

int layer_out_finish(struct layer_out *o, struct firn_error *err)
{
	_buf_ struct buf tail = BUF_INIT, head = BUF_INIT;
	int rc;

	if (o->packed)
		return finish_packed(o, err);
	if ((rc = layer_finish(o->layer, &tail, &head, err)) < 0 ||
	    (rc = blob_write(o->blob, tail.data, tail.len, err)) < 0 ||
	    (rc = blob_fill_head(o->blob, head.data, head.len, err)) < 0 ||
	    (rc = blob_seal(o->blob, &o->digest, &o->size, err)) < 0)
		return rc;
	o->diff_id = o->digest;
	o->layer = layer_free(o->layer);
	return 0;
}
