/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata of a plan from its first byte to its last: inodes with what follows them, then the
 * blocks of folders and long links, both in the plan's order. Nothing is larger in memory than one
 * inode with its xattrs, or a folder's list of entries.
 */
#include "format/erofs_disk.h"

#include "base/fd.h"

#include <stdlib.h>
#include <string.h>

#define CLUSTERS_AT_ONCE 512u

struct stream {
	const struct erofs *e;
	struct sink *out;
	uint64_t at;    /* bytes that are out, from base on */
	uint64_t block; /* the next block of folders and long links, from base */
	uint64_t image_bytes;
	struct erofs_dent *scratch;
	struct buf node;
	uint32_t ino;
};

static int put(struct stream *st, const void *bytes, size_t n, struct firn_error *err)
{
	st->at += n;
	return sink_write(st->out, bytes, n, err);
}

static int zeros_to(struct stream *st, uint64_t at, struct firn_error *err)
{
	const uint64_t n = at - st->at;

	st->at = at;
	return sink_zeros(st->out, n, err);
}

/* The entries of @dir that are behind its inode: those that don't fill a block. */
static void put_tail(struct stream *st, const struct node *dir, size_t first,
		     const struct erofs_shape *s, uint8_t *to)
{
	size_t n = erofs_dents(st->e, dir, first, st->scratch), done = 0;
	uint32_t used;

	for (uint64_t i = 0; i < s->blocks; i++)
		done += erofs_dents_of_block(st->e, st->scratch + done, n - done, &used);
	erofs_put_dents(st->scratch + done, n - done, to);
}

struct cluster {
	uint16_t type;
	uint16_t distances[2]; /* of a NONHEAD: back and ahead */
	uint32_t block;        /* of a HEAD */
};

static void put_cluster(uint8_t *p, const struct cluster *c)
{
	memset(p, 0, EROFS_CLUSTER);
	put_le16(p, c->type);
	if (c->type == EROFS_CLUSTER_HEAD1) {
		put_le32(p + 4, c->block);
	} else {
		put_le16(p + 4, c->distances[0]);
		put_le16(p + 6, c->distances[1]);
	}
}

/* The lclusters of one frame: its first block is in the first, their number in the second. */
static size_t put_frame(const struct erofs *e, size_t i, uint8_t *p)
{
	const uint32_t n = (frames_content(e->frames, i) - 1) / erofs_block(e) + 1;

	for (uint32_t k = 0; k < n; k++) {
		struct cluster c = { .type = k ? EROFS_CLUSTER_NONHEAD : EROFS_CLUSTER_HEAD1,
				     .block = (uint32_t)(e->frames->list[i].at >> e->bits),
				     .distances = { (uint16_t)k, (uint16_t)(n - k) } };

		if (k == 1)
			c.distances[0] =
			    (uint16_t)(EROFS_CLUSTER_BLOCKS | erofs_frame_blocks(e, i));
		put_cluster(p + k * EROFS_CLUSTER, &c);
	}
	return n * EROFS_CLUSTER;
}

static int put_clusters(struct stream *st, const struct node *n, struct firn_error *err)
{
	uint8_t piece[CLUSTERS_AT_ONCE * EROFS_CLUSTER];
	uint8_t header[EROFS_MAP_HEADER] = { 0 };
	size_t used = 0, first = 0;
	const size_t frames = erofs_frames_of(st->e, n, &first);
	int rc = zeros_to(st, erofs_align(st->at, EROFS_CLUSTER), err);

	put_le16(header + 4, EROFS_BIG_PCLUSTER_1); /* h_advise */
	header[6] = EROFS_COMPRESSION_ZSTD;         /* h_algorithmtype */
	if (rc == 0)
		rc = put(st, header, sizeof(header), err);
	for (size_t i = first; rc == 0 && i < first + frames; i++) {
		used += put_frame(st->e, i, piece + used);
		if (sizeof(piece) - used < (FRAME_CONTENT_MAX >> st->e->bits) * EROFS_CLUSTER) {
			rc = put(st, piece, used, err);
			used = 0;
		}
	}
	return rc < 0 ? rc : put(st, piece, used, err);
}

/* i_u of a compressed inode: the blocks of its frames. Of others: where their blocks are. */
static uint64_t blocks_of(const struct stream *st, const struct node *n,
			  const struct erofs_shape *s)
{
	size_t first = 0, frames;
	uint64_t blocks = 0;

	if (!s->clusters)
		return (st->e->base + st->block) >> st->e->bits;
	frames = erofs_frames_of(st->e, n, &first);
	for (size_t i = first; i < first + frames; i++)
		blocks += erofs_frame_blocks(st->e, i);
	return blocks;
}

/* Where the one block is that is stored in its frame. */
static void put_stored(const struct erofs *e, const struct node *n, const struct erofs_shape *s,
		       uint8_t *p)
{
	struct node as = *n;

	as.offset = e->frames->list[frames_find(e->frames, n->offset)].at + FRAME_STORED_AT;
	erofs_put_chunks(e, &as, s, p);
}

static int put_node(struct stream *st, const struct node *n, size_t first, struct firn_error *err)
{
	const uint64_t pos = n->nid * EROFS_SLOT_SIZE;
	const struct erofs *e = st->e;
	size_t len = EROFS_INODE_SIZE;
	struct erofs_shape s;
	uint8_t *to;
	int rc = zeros_to(st, pos, err);

	erofs_shape_of(e, n, &s);
	if (s.chunks && !e->frames && rc == 0)
		rc = erofs_check_place(e, n, st->image_bytes, err);
	if (rc < 0)
		return rc;
	len += s.xattrs + s.tail;
	if (s.chunks)
		len = (size_t)(erofs_align(len, EROFS_CHUNK) + s.chunks * EROFS_CHUNK);
	buf_reset(&st->node);
	buf_fill(&st->node, 0, len);
	rc = buf_check(&st->node, err);
	if (rc < 0)
		return rc;
	to = st->node.data;
	erofs_put_inode(n, &s, blocks_of(st, n, &s), ++st->ino, to);
	to += EROFS_INODE_SIZE;
	if (s.xattrs)
		erofs_put_xattrs(to, n);
	to += s.xattrs;
	if (s.chunks && e->frames)
		put_stored(e, n, &s, st->node.data + len - EROFS_CHUNK);
	else if (s.chunks)
		erofs_put_chunks(e, n, &s, st->node.data + len - s.chunks * EROFS_CHUNK);
	else if (s.tail && S_ISDIR(n->mode))
		put_tail(st, n, first, &s, to);
	else if (s.tail)
		memcpy(to, n->target, s.tail);
	st->block += s.blocks * erofs_block(e);
	rc = put(st, st->node.data, len, err);
	return rc == 0 && s.clusters ? put_clusters(st, n, err) : rc;
}

static int put_blocks(struct stream *st, const struct node *n, size_t first, struct firn_error *err)
{
	const uint32_t block = erofs_block(st->e);
	const uint64_t begin = st->at;
	uint8_t bytes[1u << 12];
	struct erofs_shape s;
	size_t count, done = 0;
	int rc = 0;

	erofs_shape_of(st->e, n, &s);
	if (!s.blocks)
		return 0;
	if (S_ISLNK(n->mode)) {
		rc = put(st, n->target, s.content, err);
		return rc < 0 ? rc : zeros_to(st, begin + s.blocks * block, err);
	}
	count = erofs_dents(st->e, n, first, st->scratch);
	for (uint64_t i = 0; rc == 0 && i < s.blocks; i++) {
		uint32_t used;
		size_t take = erofs_dents_of_block(st->e, st->scratch + done, count - done, &used);

		memset(bytes, 0, sizeof(bytes));
		erofs_put_dents(st->scratch + done, take, bytes);
		done += take;
		rc = put(st, bytes, block, err);
	}
	return rc;
}

static int each(struct stream *st,
		int (*what)(struct stream *st, const struct node *n, size_t first,
			    struct firn_error *err),
		struct firn_error *err)
{
	const struct erofs *e = st->e;
	size_t first = 1;

	for (size_t i = 0; i < e->norder; i++) {
		const struct node *n = e->order[i];
		int rc;

		if (n->link)
			continue;
		rc = what(st, n, first, err);
		if (rc < 0)
			return erofs_wrap_node(err, rc, n);
		if (S_ISDIR(n->mode))
			first += n->nchildren;
	}
	return 0;
}

/* Everything from byte @at behind base on, which is where @out stands, to the end. */
static int emit(const struct erofs *e, uint64_t image_bytes, uint64_t at, struct sink *out,
		struct firn_error *err)
{
	_free_ struct erofs_dent *scratch = calloc((size_t)e->widest + 2, sizeof(*scratch));
	struct stream st = { .e = e, .out = out, .at = at, .block = e->data };
	int rc;

	if (!scratch)
		return firn_fail_oom(err, "EROFS index");
	st.image_bytes = image_bytes;
	st.scratch = scratch;
	rc = each(&st, put_node, err);
	buf_done(&st.node);
	if (rc == 0)
		rc = zeros_to(&st, e->data, err);
	return rc < 0 ? rc : each(&st, put_blocks, err);
}

static int check_image(const struct erofs *e, uint64_t image_bytes, struct firn_error *err)
{
	if (image_bytes < e->base + e->end)
		return firn_fail(err, FIRN_EINVAL, "EROFS index: the image ends before it does");
	if (image_bytes >> e->bits > UINT32_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "EROFS index: too many blocks");
	return 0;
}

int erofs_emit_to(struct erofs *e, uint64_t image_bytes, struct buf *head, struct sink *meta,
		  struct firn_error *err)
{
	int rc;

	if (!e->meta_at)
		return firn_fail(err, FIRN_EINVAL, "EROFS index: it is in the head");
	rc = check_image(e, image_bytes, err);
	if (rc == 0)
		rc = emit(e, image_bytes, 0, meta, err);
	if (rc < 0)
		return rc;
	buf_reset(head);
	buf_fill(head, 0, (size_t)erofs_head_bytes(e) - EROFS_SUPER_AT);
	rc = buf_check(head, err);
	if (rc == 0)
		erofs_put_super(e, image_bytes, head);
	return rc;
}

/* Superblock, device table and metadata in one piece. */
static int emit_whole(const struct erofs *e, uint64_t image_bytes, struct buf *head,
		      struct firn_error *err)
{
	const uint64_t end = e->base + e->end;
	_cleanup_(sink_closep) struct sink *out = NULL;
	int rc = image_bytes ? check_image(e, image_bytes, err) : 0;

	if (rc == 0)
		rc = sink_from_buf(head, &out, err);
	if (rc < 0)
		return rc;
	buf_reset(head);
	buf_fill(head, 0, e->base ? (size_t)e->base - EROFS_SUPER_AT : 0);
	rc = emit(e, image_bytes, e->base ? 0 : EROFS_SUPER_AT, out, err);
	if (rc == 0)
		rc = buf_check(head, err);
	if (rc == 0)
		erofs_put_super(e, image_bytes ? image_bytes : end, head);
	return rc;
}

int erofs_emit(struct erofs *e, uint64_t image_bytes, struct buf *head, struct buf *meta,
	       struct firn_error *err)
{
	_cleanup_(sink_closep) struct sink *out = NULL;
	int rc;

	if (!e->meta_at)
		return emit_whole(e, image_bytes, head, err);
	rc = sink_from_buf(meta, &out, err);
	if (rc < 0)
		return rc;
	buf_reset(meta);
	return erofs_emit_to(e, image_bytes, head, out, err);
}
