/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/indexed.h"

#include "base/fd.h"
#include "bytes/codec_frame.h"
#include "bytes/frames.h"
#include "format/erofs_read.h"
#include "format/packed.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MAX (1u << 18) /* bytes of a frame, as bytes/frames.h has it */
#define KEPT     4          /* contents of frames that were read lately */

/* A frame's content. */
struct content {
	const struct erofs_file *file; /* NULL: none */
	uint64_t before, used;
	uint32_t n;
	uint8_t *bytes;
};

/* Contents of all files, one behind the other: offsets of nodes are places in that. */
struct contents {
	struct source source;
	struct source *layer; /* owned */
	struct erofs_files files;
	struct frame_unpacker *unpacker;
	uint8_t *frame;
	uint64_t clock;
	struct content kept[KEPT];
};

/* The frame that has the byte @within of @f, into @c. */
static int unpack(struct contents *s, const struct erofs_file *f, uint64_t within,
		  struct content *c, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *bytes = NULL;
	struct frames frames = FRAMES_INIT;
	uint64_t at, before = 0;
	size_t room;
	ssize_t got;
	int rc = erofs_find_frame(s->layer, f, within, &at, &room, &before, err);

	if (rc < 0)
		return rc;
	if (room == 0 || room > ROOM_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "EROFS index: a large frame");
	if ((got = source_pread(s->layer, s->frame, room, at, err)) < 0)
		return (int)got;
	if ((rc = source_from_mem(s->frame, (size_t)got, &bytes, err)) < 0)
		return rc;
	rc = frames_first(bytes, &frames, err);
	if (rc == 0 && frames.plain <= within - before)
		rc = firn_fail(err, FIRN_ECORRUPT, "EROFS index: a frame is too small");
	if (rc == 0)
		rc = frame_unpack(s->unpacker, s->frame, frames.list[0].packed, c->bytes,
				  (size_t)frames.plain, err);
	c->before = before;
	c->n = (uint32_t)frames.plain;
	frames_done(&frames);
	return rc;
}

static int find(struct contents *s, const struct erofs_file *f, uint64_t within,
		const struct content **ret, struct firn_error *err)
{
	struct content *oldest = &s->kept[0];
	int rc;

	for (struct content *c = s->kept; c < s->kept + KEPT; c++) {
		if (c->file == f && within >= c->before && within - c->before < c->n) {
			c->used = ++s->clock;
			*ret = c;
			return 0;
		}
		if (c->used < oldest->used)
			oldest = c;
	}
	oldest->file = NULL;
	if (!oldest->bytes && !(oldest->bytes = malloc(FRAME_CONTENT_MAX)))
		return firn_fail_oom(err, "zstd frames");
	rc = unpack(s, f, within, oldest, err);
	if (rc < 0)
		return rc;
	oldest->file = f;
	oldest->used = ++s->clock;
	*ret = oldest;
	return 0;
}

/* The file that has the byte @at. */
static const struct erofs_file *file_at(const struct contents *s, uint64_t at)
{
	size_t from = 0, to = s->files.n;

	while (to - from > 1) {
		const size_t mid = from + (to - from) / 2;

		if (s->files.list[mid].offset <= at)
			from = mid;
		else
			to = mid;
	}
	return &s->files.list[from];
}

/* Some bytes, 1 at least, of one frame or of a file that isn't compressed. */
static ssize_t read_some(struct contents *s, void *buf, size_t n, uint64_t at,
			 struct firn_error *err)
{
	const struct erofs_file *f = file_at(s, at);
	const uint64_t within = at - f->offset, left = f->size - within;
	const struct content *c = NULL;
	int rc;

	if (n > left)
		n = (size_t)left;
	if (!f->clusters) {
		rc = source_read_at(s->layer, buf, n, f->at + within, err);
		return rc < 0 ? rc : (ssize_t)n;
	}
	rc = find(s, f, within, &c, err);
	if (rc < 0)
		return rc;
	if (n > c->n - (within - c->before))
		n = (size_t)(c->n - (within - c->before));
	memcpy(buf, c->bytes + (within - c->before), n);
	return (ssize_t)n;
}

static ssize_t contents_pread(struct source *src, void *buf, size_t n, uint64_t at,
			      struct firn_error *err)
{
	struct contents *s = (struct contents *)src;
	size_t done = 0;

	if (at >= src->size)
		return 0;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	while (done < n) {
		const ssize_t got = read_some(s, (uint8_t *)buf + done, n - done, at + done, err);

		if (got < 0)
			return got;
		done += (size_t)got;
	}
	return (ssize_t)n;
}

static void contents_close(struct source *src)
{
	struct contents *s = (struct contents *)src;

	for (size_t i = 0; i < KEPT; i++)
		free(s->kept[i].bytes);
	frame_unpacker_free(s->unpacker);
	erofs_files_done(&s->files);
	source_close(s->layer);
	free(s->frame);
	free(s);
}

/* Give the contents their places. */
static int line_up(struct contents *s, struct firn_error *err)
{
	uint64_t at = 0;

	for (size_t i = 0; i < s->files.n; i++) {
		struct erofs_file *f = &s->files.list[i];

		f->offset = f->node->offset = at;
		f->node = NULL;
		if (__builtin_add_overflow(at, f->size, &at))
			return firn_fail(err, FIRN_ECORRUPT, "EROFS index: too large");
	}
	s->source.size = at;
	return 0;
}

static int open_packed(struct source *layer, uint32_t max, struct tree **ret_tree,
		       struct source **ret, struct firn_error *err)
{
	static const struct source_ops ops = { contents_pread, contents_close };
	_cleanup_(tree_freep) struct tree *tree = NULL;
	struct contents *s = calloc(1, sizeof(*s));
	_cleanup_(source_closep) struct source *owned = s ? &s->source : NULL;
	int rc;

	if (!s)
		return firn_fail_oom(err, "layer");
	s->source.ops = &ops;
	s->frame = malloc(ROOM_MAX);
	if (!s->frame)
		return firn_fail_oom(err, "layer");
	if ((rc = frame_unpacker_new(&s->unpacker, err)) < 0 ||
	    (rc = erofs_read(layer, max, &tree, &s->files, err)) < 0 || (rc = line_up(s, err)) < 0)
		return rc;
	s->layer = layer;
	*ret = take_ptr(&owned);
	*ret_tree = take_ptr(&tree);
	return 0;
}

/* The contents lie in the layer as they are. */
static int open_plain(struct source *layer, uint32_t max, struct tree **ret, struct firn_error *err)
{
	_cleanup_(erofs_files_done) struct erofs_files files = { 0 };
	_cleanup_(tree_freep) struct tree *tree = NULL;
	int rc = erofs_read(layer, max, &tree, &files, err);

	for (size_t i = 0; rc == 0 && i < files.n; i++)
		if (files.list[i].clusters)
			rc = firn_fail(err, FIRN_ECORRUPT,
				       "EROFS index: a compressed file in a layer that isn't");
	if (rc == 0)
		*ret = take_ptr(&tree);
	return rc;
}

int indexed_open(struct source **src, uint32_t max, struct tree **ret_tree, struct firn_error *err)
{
	int rc;

	if (packed_begins(*src))
		rc = open_packed(*src, max, ret_tree, src, err);
	else if (erofs_begins(*src))
		rc = open_plain(*src, max, ret_tree, err);
	else
		return 0;
	return rc < 0 ? rc : 1;
}
