/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/frames.h"

#include "base/cursor.h"
#include "base/fd.h"
#include "bytes/codec_frame.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_MAGIC  0xFD2FB528u
#define SKIP_MAGIC   0x184D2A50u /* and the 15 that follow it */
#define BLOCK_HEADER 3u
#define CHECKSUM     4u
#define LOOK_MAX     32u /* bytes of the longest header, with the block's behind it */
/* Read at a time: headers only, but of a frame and of the next one, which begins at a page. */
#define WINDOW_BYTES  (4096 + 2 * LOOK_MAX)
#define PACKED_MAX    ((1u << 18) - 1)
#define AT_MAX        ((UINT64_C(1) << 46) - 1)
#define BLOCK_MAX     (128u << 10) /* RFC 8878 section 3.1.1.2.4 */
#define FRAMES_FIRST  1024
#define CONTENTS_KEPT 4

void frames_done(struct frames *f)
{
	free(f->list);
	*f = (struct frames)FRAMES_INIT;
}

int frames_add(struct frames *f, uint64_t at, size_t packed, size_t content, bool stored,
	       struct firn_error *err)
{
	if (f->n == FRAMES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "zstd: more than %u frames", FRAMES_MAX);
	if (at > AT_MAX || packed > PACKED_MAX || content > FRAME_CONTENT_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "zstd: a frame of %zu bytes", content);
	if (f->n == f->room) {
		const size_t room = f->room ? 2 * f->room : FRAMES_FIRST;
		struct frame *grown = reallocarray(f->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "zstd frames");
		f->list = grown;
		f->room = room;
	}
	f->list[f->n++] =
	    (struct frame){ .at = at, .packed = packed, .plain = f->plain, .stored = stored };
	f->plain += content;
	f->end = at + packed;
	return 0;
}

uint32_t frames_content(const struct frames *f, size_t i)
{
	const uint64_t end = i + 1 < f->n ? f->list[i + 1].plain : f->plain;

	return (uint32_t)(end - f->list[i].plain);
}

size_t frames_find(const struct frames *f, uint64_t plain)
{
	size_t from = 0, to = f->n;

	if (plain >= f->plain)
		return f->n;
	while (to - from > 1) {
		const size_t mid = from + (to - from) / 2;

		if (f->list[mid].plain <= plain)
			from = mid;
		else
			to = mid;
	}
	return from;
}

struct walk {
	struct source *src;
	uint64_t at;   /* in src */
	uint64_t base; /* where bytes[0] is in src */
	size_t len;
	uint8_t bytes[WINDOW_BYTES];
};

static int corrupt(struct firn_error *err, const char *why)
{
	return firn_fail(err, FIRN_ECORRUPT, "zstd: %s", why);
}

/* The next bytes of the stream, LOOK_MAX of them unless it ends before. */
static int look(struct walk *w, struct cursor *ret, struct firn_error *err)
{
	if (w->at < w->base || w->at - w->base > w->len || w->len - (w->at - w->base) < LOOK_MAX) {
		ssize_t got = source_pread(w->src, w->bytes, sizeof(w->bytes), w->at, err);

		if (got < 0)
			return (int)got;
		w->base = w->at;
		w->len = (size_t)got;
	}
	*ret = (struct cursor){ w->bytes + (w->at - w->base), w->len - (size_t)(w->at - w->base) };
	return 0;
}

static int skip(struct walk *w, uint64_t n, struct firn_error *err)
{
	if (n > w->src->size - w->at)
		return corrupt(err, "ends in the middle");
	w->at += n;
	return 0;
}

struct header {
	uint64_t content;
	size_t bytes; /* of the header, magic included */
	bool checksum, stored;
};

static bool read_le(struct cursor *c, size_t n, uint64_t *ret)
{
	const uint8_t *p = cursor_take(c, n);

	*ret = 0;
	for (size_t i = 0; p && i < n; i++)
		*ret |= (uint64_t)p[i] << 8 * i;
	return p != NULL;
}

/* RFC 8878 section 3.1.1.1; @c is behind the magic. */
static int parse_header(struct cursor c, struct header *ret, struct firn_error *err)
{
	static const uint8_t sizes[] = { 0, 2, 4, 8 };
	const size_t had = c.left;
	const uint8_t *descriptor = cursor_take(&c, 1), *window;
	uint64_t content;
	bool single;
	size_t n;

	if (!descriptor)
		return corrupt(err, "ends in the middle");
	single = *descriptor & 0x20;
	n = sizes[*descriptor >> 6];
	if (single && n == 0)
		n = 1;
	if (*descriptor & 0x08)
		return corrupt(err, "bad frame header");
	if ((*descriptor & 0x03) || n == 0)
		return firn_fail(err, FIRN_EUNSUPP,
				 "zstd: a frame with a dictionary or of unknown size");
	window = single ? NULL : cursor_take(&c, 1);
	if ((!single && !window) || !read_le(&c, n, &content))
		return corrupt(err, "ends in the middle");
	if (n == 2)
		content += 256;
	if (content > FRAME_CONTENT_MAX || (window && *window > (CODEC_FRAME_WINDOW_LOG - 10) << 3))
		return firn_fail(err, FIRN_EUNSUPP, "zstd: a large frame");
	ret->content = content;
	ret->bytes = 4 + had - c.left;
	ret->checksum = *descriptor & 0x04;
	ret->stored = single && n == 2 && !ret->checksum;
	return 0;
}

/*
 * The blocks of a frame, @w being behind its header. Those that aren't compressed say what they
 * give: no more than all of them are to give together, and as much where there are no others.
 */
static int skip_blocks(struct walk *w, struct header *h, struct firn_error *err)
{
	bool first = true, last = false, compressed = false;
	uint64_t gives = 0;

	while (!last) {
		struct cursor c;
		uint64_t block, size;
		int rc = look(w, &c, err);

		if (rc < 0)
			return rc;
		if (!read_le(&c, BLOCK_HEADER, &block))
			return corrupt(err, "ends in the middle");
		last = block & 1;
		size = block >> 3;
		if ((block >> 1 & 3) == 3 || size > BLOCK_MAX)
			return corrupt(err, "bad block");
		compressed |= (block >> 1 & 3) == 2;
		gives += (block >> 1 & 3) == 2 ? 0 : size;
		h->stored &= first && last && (block >> 1 & 3) == 0 && size == h->content;
		if ((block >> 1 & 3) == 1)
			size = 1;
		rc = skip(w, BLOCK_HEADER + size, err);
		if (rc < 0)
			return rc;
		first = false;
	}
	if (gives > h->content || (compressed ? !h->content : gives != h->content))
		return corrupt(err, "a frame has not the size it announces");
	return h->checksum ? skip(w, CHECKSUM, err) : 0;
}

static int take_frame(struct walk *w, struct cursor c, struct frames *f, struct firn_error *err)
{
	const uint64_t at = w->at;
	struct header h = { 0 };
	int rc = parse_header(c, &h, err);

	if (rc < 0 || (rc = skip(w, h.bytes, err)) < 0 || (rc = skip_blocks(w, &h, err)) < 0)
		return rc;
	if (h.content == 0)
		return 0;
	if (w->at - at > PACKED_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "zstd: a large frame");
	return frames_add(f, at, (size_t)(w->at - at), (size_t)h.content, h.stored, err);
}

int frames_walk(struct source *packed, struct frames *ret, struct firn_error *err)
{
	struct walk w = { .src = packed };
	int rc = 0;

	while (rc == 0 && w.at < packed->size) {
		uint32_t magic, size;
		struct cursor c;

		rc = look(&w, &c, err);
		if (rc < 0)
			return rc;
		if (!cursor_le32(&c, &magic))
			return corrupt(err, "ends in the middle");
		if (magic == FRAME_MAGIC)
			rc = take_frame(&w, c, ret, err);
		else if ((magic & ~UINT32_C(15)) == SKIP_MAGIC && cursor_le32(&c, &size))
			rc = skip(&w, FRAME_SKIP_BYTES + (uint64_t)size, err);
		else
			rc = corrupt(err, "something else than a frame");
	}
	return rc;
}

int frames_first(struct source *packed, struct frames *ret, struct firn_error *err)
{
	struct walk w = { .src = packed };
	struct cursor c;
	uint32_t magic = 0;
	int rc = look(&w, &c, err);

	if (rc < 0)
		return rc;
	if (!cursor_le32(&c, &magic) || magic != FRAME_MAGIC)
		return corrupt(err, "something else than a frame");
	rc = take_frame(&w, c, ret, err);
	return rc == 0 && !ret->n ? corrupt(err, "a frame without content") : rc;
}

/* The content of a frame that was read lately. */
struct kept {
	size_t number; /* of the frame, plus one; 0: none */
	uint64_t used; /* when */
	uint8_t *bytes;
};

struct frames_source {
	struct source base;
	struct source *packed;
	const struct frames *frames;
	struct source *owned;
	struct frames own;
	struct frame_unpacker *unpacker;
	uint8_t *frame; /* a packed one */
	uint64_t clock;
	struct kept kept[CONTENTS_KEPT];
};

static int unpack(struct frames_source *s, size_t i, uint8_t *to, struct firn_error *err)
{
	const struct frame *f = &s->frames->list[i];
	int rc = source_read_at(s->packed, s->frame, f->packed, f->at, err);

	if (rc < 0)
		return rc;
	return frame_unpack(s->unpacker, s->frame, f->packed, to, frames_content(s->frames, i),
			    err);
}

static int find_content(struct frames_source *s, size_t i, const uint8_t **ret,
			struct firn_error *err)
{
	struct kept *oldest = &s->kept[0], *k;
	int rc;

	for (k = s->kept; k < s->kept + CONTENTS_KEPT; k++) {
		if (k->number == i + 1)
			break;
		if (k->used < oldest->used)
			oldest = k;
	}
	if (k == s->kept + CONTENTS_KEPT) {
		k = oldest;
		k->number = 0;
		if (!k->bytes && !(k->bytes = malloc(FRAME_CONTENT_MAX)))
			return firn_fail_oom(err, "zstd frames");
		rc = unpack(s, i, k->bytes, err);
		if (rc < 0)
			return rc;
		k->number = i + 1;
	}
	k->used = ++s->clock;
	*ret = k->bytes;
	return 0;
}

static ssize_t source_read_frames(struct source *src, void *buf, size_t n, uint64_t at,
				  struct firn_error *err)
{
	struct frames_source *s = (struct frames_source *)src;
	const struct frames *f = s->frames;
	size_t done = 0;

	if (at >= f->plain)
		return 0;
	if (n > f->plain - at)
		n = (size_t)(f->plain - at);
	for (size_t i = frames_find(f, at); done < n; i++) {
		const size_t within = (size_t)(at + done - f->list[i].plain);
		const size_t there = frames_content(f, i) - within;
		const size_t some = there < n - done ? there : n - done;
		const uint8_t *content = NULL;
		int rc = find_content(s, i, &content, err);

		if (rc < 0)
			return rc;
		memcpy((uint8_t *)buf + done, content + within, some);
		done += some;
	}
	return (ssize_t)n;
}

static void close_frames(struct source *src)
{
	struct frames_source *s = (struct frames_source *)src;

	for (size_t i = 0; i < CONTENTS_KEPT; i++)
		free(s->kept[i].bytes);
	frame_unpacker_free(s->unpacker);
	frames_done(&s->own);
	source_close(s->owned);
	free(s->frame);
	free(s);
}

static int new_source(struct source *packed, struct frames_source **ret, struct firn_error *err)
{
	static const struct source_ops ops = { source_read_frames, close_frames };
	struct frames_source *s = calloc(1, sizeof(*s));
	_cleanup_(source_closep) struct source *owned = s ? &s->base : NULL;
	int rc;

	if (!s)
		return firn_fail_oom(err, "zstd frames");
	s->base.ops = &ops;
	s->packed = packed;
	s->frame = malloc(PACKED_MAX);
	if (!s->frame)
		return firn_fail_oom(err, "zstd frames");
	rc = frame_unpacker_new(&s->unpacker, err);
	if (rc < 0)
		return rc;
	owned = NULL;
	*ret = s;
	return 0;
}

int frames_source(struct source *packed, const struct frames *f, struct source **ret,
		  struct firn_error *err)
{
	struct frames_source *s = NULL;
	int rc = new_source(packed, &s, err);

	if (rc < 0)
		return rc;
	s->frames = f;
	s->base.size = f->plain;
	*ret = &s->base;
	return 0;
}

int frames_open(struct source *packed, struct source **ret, struct firn_error *err)
{
	struct frames_source *s = NULL;
	int rc = new_source(packed, &s, err);

	if (rc < 0)
		return rc;
	rc = frames_walk(packed, &s->own, err);
	if (rc < 0) {
		source_close(&s->base);
		return rc;
	}
	s->frames = &s->own;
	s->base.size = s->own.plain;
	s->owned = packed;
	*ret = &s->base;
	return 0;
}
