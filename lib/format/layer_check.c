/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A layer of ours is what this module would print for the members that it names: so each header is
 * read, given to layer_add() and compared with what that prints, and at the end the index as well.
 * Nothing that was read is believed beyond that; what a header got wrong shows as a difference.
 */
#include "format/layer_priv.h"

#include "base/fd.h"
#include "format/erofs.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <stdlib.h>
#include <string.h>

#define PIECE 65536u /* bytes compared at a time */

struct check {
	struct source *src;
	struct layer *l;
	struct buf out; /* what the layer printed last */
	uint8_t piece[PIECE];
};

static void check_free(struct check *c)
{
	if (c) {
		layer_free(c->l);
		buf_done(&c->out);
	}
	free(c);
}

static void check_freep(struct check **c)
{
	check_free(*c);
}

static int check_new(struct source *src, struct check **ret, struct firn_error *err)
{
	_cleanup_(check_freep) struct check *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return firn_fail_oom(err, "layer");
	c->src = src;
	rc = layer_new(&c->l, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&c);
	return 0;
}

/* 1 when the blob has @want at @at, 0 when it hasn't. */
static int same(struct check *c, uint64_t at, const struct buf *want, struct firn_error *err)
{
	for (size_t done = 0; done < want->len;) {
		size_t n = want->len - done < PIECE ? want->len - done : PIECE;
		ssize_t got = source_pread(c->src, c->piece, n, at + done, err);

		if (got < 0)
			return (int)got;
		if ((size_t)got < n || memcmp(c->piece, want->data + done, n) != 0)
			return 0;
		done += n;
	}
	return 1;
}

/* Differences and everything that is wrong with the tar are no failure here: just not ours. */
static int verdict(int rc)
{
	if (layer_is_bytes_fault(rc))
		return 0;
	return rc < 0 ? rc : 1;
}

/* Add the member @t to the layer, which prints it. */
static int add_member(struct check *c, const struct tar_entry *t, struct firn_error *err)
{
	_free_ char *marked = NULL;
	struct layer_entry e = {
		.path = t->path,
		.target = t->target,
		.hardlink = t->hardlink,
		.mode = t->mode,
		.uid = t->uid,
		.gid = t->gid,
		.major = t->major,
		.minor = t->minor,
		.size = t->size,
		.mtime = t->mtime,
		.mtime_ns = t->mtime_ns,
		.xattrs = t->xattrs,
	};
	int rc = whiteout_parse(t->path, &marked, err);

	if (rc < 0)
		return rc;
	if (rc == WHITEOUT_ALL)
		return layer_set_opaque(c->l, marked, &c->out, err);
	if (rc == WHITEOUT_HIDES) {
		e.whiteout = true;
		e.path = marked;
	}
	return layer_add(c->l, &e, &c->out, err);
}

/* Every member's headers: 1 when all of them are as we print them. */
static int check_members(struct check *c, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *t = NULL;
	const struct tar_entry *e;
	int rc = verdict(tar_open_source(c->src, NULL, &t, err));

	while (rc > 0) {
		uint64_t at = layer_bytes(c->l);
		int more = tar_next(t, &e, err);

		if (more <= 0)
			return verdict(more);
		rc = verdict(add_member(c, e, err));
		if (rc > 0)
			rc = same(c, at, &c->out, err);
	}
	return rc;
}

/* 1 when the whole blob is what layer_finish() would have made of it. */
static int check_all(struct check *c, struct firn_error *err)
{
	_buf_ struct buf head = BUF_INIT;
	int rc = check_members(c, err);
	uint64_t at;

	if (rc <= 0)
		return rc;
	at = layer_bytes(c->l);
	rc = verdict(layer_finish(c->l, &c->out, &head, err));
	if (rc <= 0)
		return rc;
	if (at + c->out.len != c->src->size)
		return 0;
	rc = same(c, at, &c->out, err);
	return rc <= 0 ? rc : same(c, 0, &head, err);
}

/* Is there an EROFS superblock at all? */
static int has_magic(struct source *src, struct firn_error *err)
{
	static const uint8_t magic[] = { 0xe2, 0xe1, 0xf5, 0xe0 };
	uint8_t have[sizeof(magic)];
	int rc;

	if (src->size < EROFS_SUPER_AT + sizeof(have))
		return 0;
	rc = source_read_at(src, have, sizeof(have), EROFS_SUPER_AT, err);
	return rc < 0 ? rc : memcmp(have, magic, sizeof(magic)) == 0;
}

int layer_check(struct source *src, struct tree **ret_tree, struct firn_error *err)
{
	_cleanup_(check_freep) struct check *c = NULL;
	int rc = has_magic(src, err), kind = LAYER_FOREIGN;

	if (rc < 0)
		return rc;
	if (rc > 0) {
		rc = check_new(src, &c, err);
		if (rc == 0)
			rc = check_all(c, err);
		if (rc < 0)
			return rc;
		kind = rc > 0 ? LAYER_OURS : LAYER_FORGED;
	}
	if (!ret_tree)
		return kind;
	if (kind == LAYER_OURS) {
		*ret_tree = take_ptr(&c->l->tree);
		return kind;
	}
	rc = tar_scan(src, TAR_WHITEOUTS_FOREIGN, 0, 0, ret_tree, err);
	return rc < 0 ? rc : kind;
}
