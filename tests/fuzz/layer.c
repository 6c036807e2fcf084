/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layers from outside: is the index of this blob the one that its tar headers give? An input of
 * "r..." is the blob itself. Anything else is text: how many members to make a layer of, then
 * changes to its bytes, "OFFSET:VALUE" in hex each; what was changed must never pass for ours.
 */
#include "format/layer.h"
#include "base/fd.h"
#include "format/erofs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 3000 /* more than the head can hold */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xattr xattr = { NULL, (char *)"user.x", (uint8_t *)"\0=\n", 3 };

static const struct layer_entry kinds[] = {
	{ .mode = S_IFDIR | 0755, .mtime = 1, .mtime_ns = 5000 },
	{ .mode = S_IFREG | 0644, .size = 5000, .xattrs = &xattr },
	{ .mode = S_IFLNK | 0777, .target = "somewhere" },
	{ .mode = S_IFREG, .hardlink = true, .target = "member1" },
	{ .whiteout = true },
	{ .mode = S_IFDIR | 0700, .opaque = true, .uid = 3000000 },
	{ .mode = S_IFCHR | 0600, .major = 5, .minor = 1 },
	{ .mode = S_IFREG | 0600, .mtime = -1 },
};

static const char *name_of(unsigned i, char ret[300])
{
	snprintf(ret, 300, i % 11 == 10 ? "member%u-%0200u" : "member%u", i, i);
	return ret;
}

/* A layer of @members, payloads all zero. */
static void build(unsigned members, struct buf *blob, struct layer **l)
{
	_buf_ struct buf out = BUF_INIT, head = BUF_INIT;
	char path[300];

	if (layer_new(l, NULL) < 0)
		abort();
	buf_fill(blob, 0, LAYER_HEAD_BYTES);
	for (unsigned i = 0; i < members; i++) {
		struct layer_entry e = kinds[i % ARRAY_SIZE(kinds)];

		e.path = name_of(i, path);
		if (layer_add(*l, &e, &out, NULL) < 0)
			abort();
		buf_put(blob, out.data, out.len);
		if (!e.hardlink)
			buf_fill(blob, 0, e.size);
	}
	if (layer_finish(*l, &out, &head, NULL) < 0)
		abort();
	buf_put(blob, out.data, out.len);
	memcpy(blob->data, head.data, head.len);
}

static bool in_payload(const struct layer *l, unsigned members, uint64_t at)
{
	char path[300];

	for (unsigned i = 1; i < members; i += ARRAY_SIZE(kinds)) {
		const struct node *n = layer_find(l, name_of(i, path));

		if (at >= n->offset && at < n->offset + n->size)
			return true;
	}
	return false;
}

/* Whatever came out has to be something that can be indexed, or be refused. */
static int check(const struct buf *blob)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	_buf_ struct buf head = BUF_INIT, meta = BUF_INIT;
	const struct erofs_opts opts = { .block_bits = 9 };
	int kind;

	if (source_from_mem(blob->data, blob->len, &src, NULL) < 0)
		abort();
	kind = layer_check(src, &t, NULL);
	if (kind >= 0 && erofs_plan(t, &opts, &e, NULL) == 0 &&
	    erofs_emit(e, 0, &head, &meta, NULL) < 0 && kind == LAYER_OURS)
		abort();
	return kind;
}

static void check_changed(const char *text)
{
	_cleanup_(layer_freep) struct layer *l = NULL;
	_buf_ struct buf blob = BUF_INIT, was = BUF_INIT;
	char *at;
	unsigned long members = strtoul(text, &at, 10) % MEMBERS_MAX;
	bool changed = false;
	int kind;

	build((unsigned)members, &blob, &l);
	buf_put(&was, blob.data, blob.len);
	for (;;) {
		unsigned long offset = strtoul(at, &at, 16);

		if (*at != ':')
			break;
		blob.data[offset % blob.len] = (uint8_t)strtoul(at + 1, &at, 16);
	}
	for (size_t i = 0; i < blob.len && !changed; i++)
		changed = blob.data[i] != was.data[i] && !in_payload(l, (unsigned)members, i);
	kind = check(&blob);
	if ((kind == LAYER_OURS) == changed)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf blob = BUF_INIT;

	if (size && *data == 'r') {
		buf_put(&blob, data + 1, size - 1);
		check(&blob);
		return 0;
	}
	buf_put(&blob, data, size);
	check_changed((char *)blob.data);
	return 0;
}
