/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/packed.h"

#include "base/fd.h"
#include "bytes/frame_writer.h"
#include "format/erofs.h"
#include "format/layer_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8878: magic, one segment without content, an empty raw block that is the last. */
static const uint8_t empty_frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0 };

#define SKIP_AT   sizeof(empty_frame)
#define TAIL_MAX  UINT32_MAX /* a skippable frame has its size in 32 bits */
#define PIECE     65536u     /* bytes compared at a time */
#define MAGIC_LEN 4u

static uint64_t align(uint64_t at)
{
	return (at + LAYER_BLOCK - 1) / LAYER_BLOCK * LAYER_BLOCK;
}

int packed_begin(struct frames *f, struct firn_error *err)
{
	return frames_add(f, PACKED_SUPER_BYTES, 0, LAYER_HEAD_BYTES, false, err);
}

/* Where the metadata begins: in a skippable frame behind the last frame. */
static uint64_t meta_at(const struct frames *f)
{
	return align(f->end + FRAME_SKIP_BYTES);
}

/* Everything of the blob that isn't a frame of content: the tail to @tail, the rest to @super. */
static int put_index(struct tree *tree, const struct frames *f, struct sink *tail,
		     struct buf *super, uint64_t *ret_size, struct firn_error *err)
{
	const struct erofs_opts opts = {
		.block_bits = 12,
		.meta_at = meta_at(f),
		.frames = f,
	};
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	_buf_ struct buf sb = BUF_INIT;
	uint8_t skip[FRAME_SKIP_BYTES];
	uint64_t size;
	int rc = erofs_plan(tree, &opts, &e, err);

	if (rc < 0)
		return rc;
	size = opts.meta_at + erofs_meta_bytes(e);
	if (size - f->end > TAIL_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "its index is larger than 4 GiB");
	frame_put_skip(skip, (uint32_t)(size - f->end));
	if ((rc = sink_write(tail, skip, sizeof(skip), err)) < 0 ||
	    (rc = sink_zeros(tail, opts.meta_at - f->end - sizeof(skip), err)) < 0 ||
	    (rc = erofs_emit_to(e, size, &sb, tail, err)) < 0)
		return rc;
	frame_put_skip(skip, PACKED_SUPER_BYTES - SKIP_AT);
	buf_reset(super);
	buf_put(super, empty_frame, sizeof(empty_frame));
	buf_put(super, skip, sizeof(skip));
	buf_fill(super, 0, EROFS_SUPER_AT - super->len);
	buf_put(super, sb.data, sb.len);
	*ret_size = size;
	return buf_check(super, err);
}

int packed_finish(struct tree *tree, struct frames *f, const struct buf *frame, struct sink *tail,
		  struct buf *head, struct firn_error *err)
{
	const size_t end = (size_t)f->list[1].at;
	uint8_t skip[FRAME_SKIP_BYTES];
	uint64_t size;
	int rc;

	assert(PACKED_SUPER_BYTES + frame->len + sizeof(skip) <= end);
	f->list[0].packed = frame->len;
	rc = put_index(tree, f, tail, head, &size, err);
	if (rc < 0)
		return rc;
	buf_put(head, frame->data, frame->len);
	frame_put_skip(skip, (uint32_t)(end - head->len));
	buf_put(head, skip, sizeof(skip));
	buf_fill(head, 0, end - head->len);
	return buf_check(head, err);
}

uint64_t packed_move_up(struct frames *f, size_t len)
{
	const uint64_t head = align(PACKED_SUPER_BYTES + len + FRAME_SKIP_BYTES);

	for (size_t i = 1; i < f->n; i++)
		f->list[i].at -= PACKED_HEAD_BYTES - head;
	f->end -= PACKED_HEAD_BYTES - head;
	return head;
}

bool packed_begins(struct source *src)
{
	static const uint8_t magic[MAGIC_LEN] = { 0xe2, 0xe1, 0xf5, 0xe0 };
	uint8_t begin[sizeof(empty_frame)], super[MAGIC_LEN];

	return src->size > PACKED_SUPER_BYTES &&
	       source_read_at(src, begin, sizeof(begin), 0, NULL) == 0 &&
	       memcmp(begin, empty_frame, sizeof(begin)) == 0 &&
	       source_read_at(src, super, sizeof(super), EROFS_SUPER_AT, NULL) == 0 &&
	       memcmp(super, magic, sizeof(magic)) == 0;
}

int packed_open(struct source **src)
{
	struct source *plain;

	if (!packed_begins(*src) || frames_open(*src, &plain, NULL) < 0)
		return 0;
	*src = plain;
	return 1;
}

/* A sink that compares what is written with what a source has. */
struct comparer {
	struct sink sink;
	struct source *src; /* borrowed */
	uint64_t at;
	bool differs;
	uint8_t piece[PIECE];
};

static int compare(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	struct comparer *c = (struct comparer *)s;

	for (size_t done = 0; done < n && !c->differs;) {
		const size_t some = n - done < PIECE ? n - done : PIECE;
		ssize_t got = source_pread(c->src, c->piece, some, c->at + done, err);

		if (got < 0)
			return (int)got;
		c->differs = (size_t)got < some ||
			     memcmp(c->piece, (const uint8_t *)bytes + done, some) != 0;
		done += some;
	}
	c->at += n;
	/* The first difference is enough. */
	return c->differs ? firn_fail(err, FIRN_ECORRUPT, "another index") : 0;
}

static void comparer_close(struct sink *s)
{
	free(s);
}

static int comparer_new(struct source *src, uint64_t at, struct sink **ret, struct firn_error *err)
{
	static const struct sink_ops ops = { compare, NULL, comparer_close };
	struct comparer *c = calloc(1, sizeof(*c));

	if (!c)
		return firn_fail_oom(err, "compare");
	c->sink.ops = &ops;
	c->src = src;
	c->at = at;
	*ret = &c->sink;
	return 0;
}

/* 1 when the blob has just the index that its frames and members give it. */
static int check_index(struct source *src, struct tree *tree, const struct frames *f,
		       struct firn_error *err)
{
	_cleanup_(sink_closep) struct sink *tail = NULL, *begin = NULL;
	_buf_ struct buf super = BUF_INIT;
	uint64_t size;
	int rc;

	if ((rc = comparer_new(src, f->end, &tail, err)) < 0 ||
	    (rc = comparer_new(src, 0, &begin, err)) < 0 ||
	    (rc = put_index(tree, f, tail, &super, &size, err)) < 0 ||
	    (rc = sink_write(begin, super.data, super.len, err)) < 0)
		return rc;
	return size == src->size;
}

static int check(struct source *src, struct frames *f, struct tree **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *plain = NULL;
	int rc = frames_walk(src, f, err);

	if (rc < 0 || !f->n || f->list[0].at != PACKED_SUPER_BYTES ||
	    frames_content(f, 0) != LAYER_HEAD_BYTES)
		return rc;
	rc = frames_source(src, f, &plain, err);
	if (rc < 0)
		return rc;
	rc = layer_check(plain, ret, err);
	if (rc < 0)
		return rc;
	return rc == LAYER_OURS ? check_index(src, *ret, f, err) : 0;
}

int packed_check(struct source *src, struct tree **ret_tree, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	struct frames f = FRAMES_INIT;
	int rc;

	if (!packed_begins(src))
		return LAYER_FOREIGN;
	rc = check(src, &f, &tree, err);
	frames_done(&f);
	if (rc == 0 || layer_is_bytes_fault(rc))
		return LAYER_FORGED;
	if (rc < 0)
		return rc;
	if (ret_tree)
		*ret_tree = take_ptr(&tree);
	return LAYER_OURS;
}
