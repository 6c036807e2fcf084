/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tar reader: whatever it lets through is normalised and inside of the archive, a stream and a
 * source are read the same, and any tree may be made of it.
 *
 * An input that begins with "#tar" is a script of headers, one a line, with right checksums:
 *
 *   TYPE|NAME|LINK|SIZE|MODE|UID|MTIME|MAGIC|DATA
 *
 * Fields are put into the header as they are, '~' in DATA is a newline. Anything else is an archive
 * as it lies, of which every block gets a right checksum if the first byte is odd.
 */
#include "format/tar.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCK        512
#define PAYLOADS_MAX (4u << 20) /* bytes read of one input, which may be compressed */

static const struct {
	size_t at, len;
} fields[] = { { 156, 1 }, { 0, 100 }, { 157, 100 }, { 124, 12 },
	       { 100, 8 }, { 108, 8 }, { 136, 12 },  { 257, 8 } };

static void fix_checksum(uint8_t *block)
{
	char text[8];
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += block[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(block + 148, text, 7);
}

static void add_line(struct buf *b, const char *line, size_t len)
{
	const char *end = line + len;
	uint8_t header[BLOCK] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(fields) && line < end; i++) {
		const char *bar = memchr(line, '|', (size_t)(end - line));
		size_t n = (size_t)((bar ? bar : end) - line);

		memcpy(header + fields[i].at, line, n < fields[i].len ? n : fields[i].len);
		line += n + (bar != NULL);
	}
	fix_checksum(header);
	buf_put(b, header, sizeof(header));
	for (; line < end; line++)
		buf_put(b, *line == '~' ? "\n" : line, 1);
	buf_align(b, BLOCK);
}

static void make_archive(struct buf *b, const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;

	if (size < 5 || memcmp(at, "#tar\n", 5) != 0) {
		buf_put(b, data, size);
		for (size_t i = 0; size && data[0] & 1 && i + BLOCK <= size; i += BLOCK)
			fix_checksum(b->data + i);
		return;
	}
	for (at += 5; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - at);

		add_line(b, at, n);
		at += n + 1;
	}
	buf_fill(b, 0, 2 * BLOCK);
}

static void check_path(const char *path)
{
	_free_ char *again = NULL;

	if (path_normalise(path, &again, NULL) < 0 || strcmp(again, path) != 0)
		abort();
}

static void check_entry(const struct tar *t, const struct tar_entry *e, size_t archive, bool stream)
{
	check_path(e->path);
	if (e->hardlink)
		check_path(e->target);
	if ((e->target != NULL) != (e->hardlink || S_ISLNK(e->mode)))
		abort();
	if ((e->mode & ~(S_IFMT | 07777u)) != 0 || e->mtime_ns >= 1000000000)
		abort();
	if (e->size && (!S_ISREG(e->mode) || e->hardlink))
		abort();
	if (!tar_compressed(t) && e->size &&
	    (e->offset % BLOCK != 0 || e->offset < BLOCK || e->offset > archive))
		abort();
	if (!tar_compressed(t) && !stream && e->size > archive - e->offset)
		abort();
}

/* Returns what tar_next() said last, or 1 when it got too long. */
static int walk(struct tar *t, size_t archive, bool stream, struct tree *tree,
		enum tar_whiteouts how, uint64_t *sum)
{
	const struct tar_entry *e;
	bool broken = false;
	uint64_t total = 0;
	int rc;

	while ((rc = tar_next(t, &e, NULL)) > 0) {
		uint8_t piece[4096];
		ssize_t got;

		check_entry(t, e, archive, stream);
		*sum = *sum * 31 + strlen(e->path) + e->size + e->mode + (uint64_t)e->mtime;
		if (!broken)
			broken = tar_apply(tree, e, how, 0, e->offset, NULL, NULL) < 0;
		while ((got = tar_read(t, piece, sizeof(piece), NULL)) > 0) {
			total += (uint64_t)got;
			/* Byte by byte: the two roads may cut a payload into other pieces. */
			for (ssize_t i = 0; i < got; i++)
				*sum = *sum * 31 + piece[i];
			if (total > PAYLOADS_MAX)
				return 1;
		}
	}
	return rc;
}

static void check_tree(const struct tree *tree)
{
	uint32_t count = 0;

	for (const struct node *n = tree->root; n; n = tree_next(tree, n), count++) {
		if (n->whiteout && (n->children || n->link || n->mode != S_IFCHR))
			abort();
		if (n->opaque && !S_ISDIR(n->mode))
			abort();
		if (n->children && !S_ISDIR(n->mode))
			abort();
		if (n->link && (n->link->link || n->link->whiteout || S_ISDIR(n->link->mode)))
			abort();
		if (!n->link && S_ISLNK(n->mode) && !n->target)
			abort();
	}
	if (count != tree->count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const enum tar_whiteouts how = size > 5 ? data[size / 2] % 3 : 0;
	const struct tar_limits limits = { .entries = 4096 };
	_buf_ struct buf b = BUF_INIT;
	int rcs[2] = { 1, 1 };
	uint64_t sums[2] = { 0 };

	make_archive(&b, data, size);
	for (int stream = 0; stream < 2; stream++) {
		_cleanup_(source_closep) struct source *src = NULL;
		_cleanup_(istream_closep) struct istream *in = NULL;
		_cleanup_(tree_freep) struct tree *tree = NULL;
		_cleanup_(tar_closep) struct tar *t = NULL;

		if (source_from_mem(b.data, b.len, &src, NULL) < 0 ||
		    istream_from_source(src, &in, NULL) < 0 || tree_new(&tree, NULL) < 0)
			return 0;
		if ((stream ? tar_open_stream(in, &limits, &t, NULL)
			    : tar_open_source(src, &limits, &t, NULL)) < 0)
			return 0;
		rcs[stream] = walk(t, b.len, stream, tree, how, &sums[stream]);
		check_tree(tree);
	}
	/* A source knows its end, so it may call something corrupt earlier; never the other way. */
	if (rcs[0] >= 0 && (rcs[0] != rcs[1] || sums[0] != sums[1]))
		abort();
	if (rcs[1] >= 0 && rcs[0] < 0)
		abort();
	return 0;
}
