/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/layer_out.h"

#include "base/fd.h"
#include "base/path.h"

void layer_out_done(struct layer_out *o)
{
	o->layer = layer_free(o->layer);
	o->blob = blob_free(o->blob);
	buf_done(&o->headers);
	free(o->piece);
	o->piece = NULL;
}

int layer_out_open(struct layer_out *o, struct store *s, layer_out_watch *watch, void *ctx,
		   struct firn_error *err)
{
	_cleanup_(layer_out_done) struct layer_out new = { .watch = watch, .ctx = ctx };
	int rc;

	new.piece = malloc(LAYER_OUT_PIECE);
	if (!new.piece)
		return firn_fail_oom(err, "layer");
	if ((rc = layer_new(&new.layer, err)) < 0 ||
	    (s && (rc = blob_new(s, LAYER_HEAD_BYTES, &new.blob, err)) < 0))
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
		rc = blob_write(o->blob, o->piece, want, err);
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

	if (rc < 0 || !o->blob)
		return rc;
	o->left = e->size;
	return blob_write(o->blob, o->headers.data, o->headers.len, err);
}

int layer_out_put(struct layer_out *o, const void *bytes, size_t n, struct firn_error *err)
{
	if (n > o->left)
		return firn_fail(err, FIRN_ECORRUPT, "has more bytes than its header says");
	o->left -= n;
	o->payload += n;
	return blob_write(o->blob, bytes, n, err);
}

int layer_out_add(struct layer_out *o, const struct layer_entry *e, struct istream *in,
		  struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = layer_add(o->layer, e, &o->headers, err);

	if (rc < 0 || !o->blob)
		return rc;
	rc = blob_write(o->blob, o->headers.data, o->headers.len, err);
	if (rc >= 0)
		rc = copy_payload(o, e, in, err);
	return firn_wrap(err, rc, "entry %s", path_quote(e->path, quoted));
}

int layer_out_opaque(struct layer_out *o, const char *path, struct firn_error *err)
{
	int rc = layer_set_opaque(o->layer, path, &o->headers, err);

	return rc < 0 ? rc : blob_write(o->blob, o->headers.data, o->headers.len, err);
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
	return blob_expect_head(o->blob, head->data, head->len, err);
}

int layer_out_finish(struct layer_out *o, struct firn_error *err)
{
	_buf_ struct buf tail = BUF_INIT, head = BUF_INIT;
	int rc;

	if ((rc = layer_finish(o->layer, &tail, &head, err)) < 0 ||
	    (rc = blob_write(o->blob, tail.data, tail.len, err)) < 0 ||
	    (rc = blob_fill_head(o->blob, head.data, head.len, err)) < 0 ||
	    (rc = blob_seal(o->blob, &o->digest, &o->size, err)) < 0)
		return rc;
	o->layer = layer_free(o->layer);
	return 0;
}
