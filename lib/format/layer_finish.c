/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/layer_priv.h"

#include "base/fd.h"
#include "bytes/sink.h"
#include "format/erofs.h"
#include "format/ustar.h"

/* An inode's name takes 12 bytes at least, so that more nodes than these never fit the head. */
#define HEAD_NODES_MAX (LAYER_HEAD_BYTES / 12)

/* Where the head's comment ends, with its newline. */
static uint64_t comment_end(const struct layer *l)
{
	return LAYER_HEAD_BYTES - l->root_records.len;
}

/* Plan the metadata for the head; *ret stays NULL when it doesn't fit. */
static int plan_head(struct layer *l, struct erofs **ret, struct firn_error *err)
{
	const struct erofs_opts opts = { .block_bits = 12 };
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	int rc;

	if (l->tree->count > HEAD_NODES_MAX)
		return 0;
	rc = erofs_plan(l->tree, &opts, &e, err);
	if (rc < 0)
		return rc;
	if (erofs_head_bytes(e) + erofs_meta_bytes(e) >= comment_end(l))
		return 0;
	*ret = take_ptr(&e);
	return 0;
}

static int put_head(const struct layer *l, const struct buf *super, struct buf *head,
		    struct firn_error *err)
{
	const struct ustar pax = { .name = "./PaxHeaders/.",
				   .type = USTAR_PAX,
				   .mode = 0644,
				   .size = LAYER_RECORDS_BYTES };

	buf_reset(head);
	ustar_put(head, &pax);
	pax_begin_comment(head, (size_t)comment_end(l) - LAYER_RECORDS_AT);
	buf_fill(head, 0, EROFS_SUPER_AT - head->len);
	buf_put(head, super->data, super->len);
	buf_fill(head, 0, (size_t)comment_end(l) - 1 - head->len);
	buf_puts(head, "\n");
	buf_put(head, l->root_records.data, l->root_records.len);
	return buf_check(head, err);
}

/* Behind everything else in @tail, of which there is one copy: it may be large. */
static int put_meta(struct layer *l, uint64_t at, struct buf *super, struct buf *tail,
		    struct firn_error *err)
{
	const struct erofs_opts opts = { .block_bits = 12, .meta_at = at };
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	_cleanup_(sink_closep) struct sink *out = NULL;
	int rc;

	if ((rc = erofs_plan(l->tree, &opts, &e, err)) < 0 ||
	    (rc = sink_from_buf(tail, &out, err)) < 0)
		return rc;
	l->bytes = at + erofs_meta_bytes(e);
	return erofs_emit_to(e, l->bytes, super, out, err);
}

int layer_finish(struct layer *l, struct buf *tail, struct buf *head, struct firn_error *err)
{
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	_buf_ struct buf super = BUF_INIT;
	uint64_t end;
	int rc;

	buf_reset(tail);
	if (!l->begun)
		layer_put_root(l, tail);
	end = layer_align(l->bytes, USTAR_BLOCK) + 2 * (uint64_t)USTAR_BLOCK;
	end = layer_align(end, LAYER_BLOCK);
	buf_fill(tail, 0, (size_t)(end - l->bytes));
	rc = plan_head(l, &e, err);
	if (rc == 0 && e) {
		l->bytes = end;
		rc = erofs_emit(e, end, &super, NULL, err);
	} else if (rc == 0) {
		rc = put_meta(l, end, &super, tail, err);
	}
	if (rc == 0)
		rc = buf_check(tail, err);
	return rc < 0 ? rc : put_head(l, &super, head, err);
}
