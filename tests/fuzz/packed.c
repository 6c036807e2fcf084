/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compressed layers from outside, and any zstd stream. An input of "r..." is the blob itself: what
 * the walk over its frames finds, and every frame gives, must be what it unpacks to from the front.
 * Anything else is text: how many members to make a layer of, then changes to its bytes,
 * "OFFSET:VALUE" in hex each. A change of what the kernel reads as metadata must never pass for
 * ours; one of a payload or a gap may.
 */
#include "format/packed.h"
#include "base/fd.h"
#include "bytes/codec.h"
#include "format/indexed.h"

#include "../unit/pack_plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS 12 /* layers of so many members, made once */
#define PIECE 4096u
#define WHOLE_MAX                                                                                  \
	(16u << 20) /* a frame of some bytes may be a block of one byte, 128 KiB times             \
		     */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int rc)
{
	if (rc < 0)
		abort();
}

/* Every third member is small, large or incompressible; the others are folders. */
static void add_member(struct layer *l, unsigned i, struct buf *plain)
{
	static const unsigned sizes[] = { 1, 9000, 300000, 4096 };
	_buf_ struct buf out = BUF_INIT;
	char path[32];
	struct layer_entry e = { .path = path, .mode = S_IFDIR | 0755, .mtime = 5 };
	uint32_t noise = i;

	snprintf(path, sizeof(path), "member%u", i);
	if (i % 3 == 0) {
		e.mode = S_IFREG | 0644;
		e.size = sizes[i / 3 % ARRAY_SIZE(sizes)];
	}
	must(layer_add(l, &e, &out, NULL));
	buf_put(plain, out.data, out.len);
	for (uint64_t n = 0; n < e.size; n++) {
		const uint8_t byte = (uint8_t)((noise = noise * 1664525u + 1013904223u) >> 24);

		buf_put(plain, e.size > 100000 ? (const uint8_t *)"text" + n % 4 : &byte, 1);
	}
}

static void build(unsigned members, struct buf *ret)
{
	_cleanup_(layer_freep) struct layer *l = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	_buf_ struct buf plain = BUF_INIT, tail = BUF_INIT, head = BUF_INIT;

	must(layer_new(&l, NULL));
	buf_fill(&plain, 0, LAYER_HEAD_BYTES);
	for (unsigned i = 0; i < members; i++)
		add_member(l, i, &plain);
	must(layer_finish(l, &tail, &head, NULL));
	buf_put(&plain, tail.data, tail.len);
	memcpy(plain.data, head.data, head.len);
	must(source_from_mem(plain.data, plain.len, &src, NULL));
	must(pack_plain(src, 1, 1, members % 2, ret, NULL));
}

/* 1 when all of @src is what @in gives. */
static int same(struct source *src, struct istream *in)
{
	uint8_t x[PIECE], y[PIECE];

	for (uint64_t at = 0;;) {
		const ssize_t got = istream_read_full(in, x, sizeof(x), NULL);
		const ssize_t had = got < 0 ? -1 : source_pread(src, y, sizeof(y), at, NULL);

		if (got < 0 || had < 0)
			return -1;
		if (got != had || memcmp(x, y, (size_t)got) != 0)
			return 0;
		if (got == 0)
			return 1;
		at += (uint64_t)got;
	}
}

/* Through the frames, and from the front by whoever knows nothing of them. */
static void check_stream(const struct buf *blob)
{
	_cleanup_(istream_closep) struct istream *plain = NULL;
	struct source *src = NULL, *content = NULL;
	struct istream *in = NULL;

	must(source_from_mem(blob->data, blob->len, &src, NULL));
	if (frames_open(src, &content, NULL) == 0) {
		must(istream_from_mem(blob->data, blob->len, &in, NULL));
		must(codec_reader(CODEC_ZSTD, in, 0, &plain, NULL));
		/* What one of them can't unpack, the other one needn't. */
		if (content->size < WHOLE_MAX && same(content, plain) == 0)
			abort();
		src = content;
	}
	source_close(src);
}

static int check_layer(const struct buf *blob)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	int kind;

	must(source_from_mem(blob->data, blob->len, &src, NULL));
	kind = packed_check(src, &t, NULL);
	if ((kind == LAYER_OURS) != (t != NULL))
		abort();
	return kind;
}

/* A byte in the middle of each file, as the index says where they are. */
static void read_indexed(struct source *src, const struct tree *t)
{
	uint8_t bytes[16];

	for (const struct node *n = t->root; n; n = tree_next(t, n)) {
		ssize_t got = 0;

		if (n->link && n->link->link)
			abort();
		if (S_ISREG(n->mode) && !n->link && n->size)
			got =
			    source_pread(src, bytes, sizeof(bytes), n->offset + n->size / 2, NULL);
		if (got > (ssize_t)sizeof(bytes))
			abort();
	}
}

/* The reading by the index believes it: whatever that is, it ends, and in the blob. */
static void check_index(const struct buf *blob)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;

	must(source_from_mem(blob->data, blob->len, &src, NULL));
	if (indexed_open(&src, 4096, &t, NULL) > 0)
		read_indexed(src, t);
}

/* Where the metadata begins: meta_blkaddr of the superblock. */
static size_t meta_of(const struct buf *blob)
{
	const uint8_t *p = blob->data + 1024 + 40;

	return (size_t)(p[0] | p[1] << 8 | p[2] << 16) * LAYER_BLOCK;
}

static void check_changed(const char *text)
{
	static struct buf layers[KINDS];
	_buf_ struct buf blob = BUF_INIT;
	char *at;
	struct buf *was = &layers[strtoul(text, &at, 10) % KINDS];
	size_t meta;
	bool changed;
	int kind;

	if (!was->len)
		build((unsigned)(was - layers), was);
	buf_put(&blob, was->data, was->len);
	for (;;) {
		unsigned long offset = strtoul(at, &at, 16);

		if (*at != ':')
			break;
		blob.data[offset % blob.len] = (uint8_t)strtoul(at + 1, &at, 16);
	}
	meta = meta_of(was);
	changed = memcmp(blob.data, was->data, PACKED_SUPER_BYTES) != 0 ||
		  memcmp(blob.data + meta, was->data + meta, was->len - meta) != 0;
	kind = check_layer(&blob);
	if (changed ? kind == LAYER_OURS
		    : memcmp(blob.data, was->data, was->len) == 0 && kind != LAYER_OURS)
		abort();
	check_index(&blob);
	check_stream(&blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf blob = BUF_INIT;

	if (size && *data == 'r') {
		buf_put(&blob, data + 1, size - 1);
		check_layer(&blob);
		check_index(&blob);
		check_stream(&blob);
		return 0;
	}
	buf_put(&blob, data, size);
	buf_put(&blob, "", 1);
	check_changed((char *)blob.data);
	return 0;
}
