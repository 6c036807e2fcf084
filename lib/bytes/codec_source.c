/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A compressed file read by offset, with no copy of what is in it: the stream is decompressed up to
 * the place that is asked for, and from its beginning again for a place before. The last pieces are
 * kept, since whoever reads an archive looks at a header and then at what stands beside it.
 */
#include "base/fd.h"
#include "bytes/codec.h"

#include <string.h>

#define PIECE_BYTES (256u << 10)
#define PIECES_KEPT 2

struct piece {
	uint64_t number; /* of the piece in the stream, counted from 1; 0: none */
	size_t len;
	uint8_t *bytes;
};

struct codec_source {
	struct source base;
	struct source *packed; /* owned */
	enum codec codec;
	uint64_t max;
	struct istream *plain;
	uint64_t next; /* number of the piece that the stream gives next */
	struct piece pieces[PIECES_KEPT];
};

static int begin(struct codec_source *s, struct firn_error *err)
{
	struct istream *in = NULL;
	int rc;

	istream_closep(&s->plain);
	for (size_t i = 0; i < PIECES_KEPT; i++)
		s->pieces[i].number = 0;
	s->next = 1;
	rc = istream_from_source(s->packed, &in, err);
	return rc < 0 ? rc : codec_reader(s->codec, in, s->max, &s->plain, err);
}

/* The next piece takes the place of the oldest. */
static int read_piece(struct codec_source *s, struct firn_error *err)
{
	struct piece *p = &s->pieces[s->next % PIECES_KEPT];
	ssize_t got;

	p->number = 0;
	if (!p->bytes)
		p->bytes = malloc(PIECE_BYTES);
	if (!p->bytes)
		return firn_fail_oom(err, "decompress");
	got = istream_read_full(s->plain, p->bytes, PIECE_BYTES, err);
	if (got < 0)
		return (int)got;
	p->number = s->next++;
	p->len = (size_t)got;
	return 0;
}

static int find_piece(struct codec_source *s, uint64_t number, const struct piece **ret,
		      struct firn_error *err)
{
	const struct piece *p = &s->pieces[number % PIECES_KEPT];
	int rc = 0;

	if (p->number != number && number < s->next)
		rc = begin(s, err);
	while (rc == 0 && s->next <= number)
		rc = read_piece(s, err);
	*ret = p;
	return rc;
}

static ssize_t codec_pread(struct source *src, void *buf, size_t n, uint64_t at,
			   struct firn_error *err)
{
	struct codec_source *s = (struct codec_source *)src;
	size_t done = 0;

	while (done < n) {
		const uint64_t from = at + done;
		const size_t within = (size_t)(from % PIECE_BYTES);
		const struct piece *p = NULL;
		size_t some;
		int rc = find_piece(s, from / PIECE_BYTES + 1, &p, err);

		if (rc < 0)
			return rc;
		if (within >= p->len)
			break;
		some = p->len - within < n - done ? p->len - within : n - done;
		memcpy((uint8_t *)buf + done, p->bytes + within, some);
		done += some;
	}
	return (ssize_t)done;
}

static void codec_close(struct source *src)
{
	struct codec_source *s = (struct codec_source *)src;

	istream_close(s->plain);
	for (size_t i = 0; i < PIECES_KEPT; i++)
		free(s->pieces[i].bytes);
	source_close(s->packed);
	free(s);
}

/* How many bytes there are shows only at the end; so does whether they are the right ones. */
static int measure(struct codec_source *s, const struct digest *want, struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	char text[DIGEST_TEXT_MAX];
	const struct piece *p;
	struct digest got;
	int rc = want ? hasher_new(want->alg, &h, err) : 0;

	do {
		p = &s->pieces[s->next % PIECES_KEPT];
		if (rc < 0 || (rc = read_piece(s, err)) < 0 ||
		    (h && (rc = hasher_update(h, p->bytes, p->len, err)) < 0))
			return rc;
		s->base.size += p->len;
	} while (p->len == PIECE_BYTES);
	if (!h)
		return 0;
	rc = hasher_final(h, &got, err);
	if (rc < 0 || digest_equal(&got, want))
		return rc;
	return firn_fail(err, FIRN_ECORRUPT, "decompressed it is %s", digest_text(&got, text));
}

int codec_source(enum codec c, struct source *packed, uint64_t max, const struct digest *want,
		 struct source **ret, struct firn_error *err)
{
	static const struct source_ops ops = { codec_pread, codec_close };
	struct codec_source *s = calloc(1, sizeof(*s));
	_cleanup_(source_closep) struct source *owned = s ? &s->base : packed;
	int rc;

	if (!s)
		return firn_fail_oom(err, "decompress");
	s->base.ops = &ops;
	s->packed = packed;
	s->codec = c;
	s->max = max;
	if ((rc = begin(s, err)) < 0 || (rc = measure(s, want, err)) < 0)
		return rc;
	*ret = take_ptr(&owned);
	return 0;
}
