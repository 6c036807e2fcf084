/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/checked.h"

#include "base/fd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 4 /* pieces, proven: readers go on where they were */

struct piece {
	uint64_t number; /* plus one; 0: none */
	uint64_t used;   /* when */
	uint8_t *bytes;
};

struct checked {
	struct source base;
	struct source *src;
	uint8_t (*sums)[32]; /* of each piece */
	uint64_t clock;
	struct piece kept[KEPT];
};

static uint64_t piece_count(uint64_t size)
{
	return size / CHECKED_PIECE + (size % CHECKED_PIECE != 0);
}

static size_t piece_bytes(const struct checked *c, uint64_t i)
{
	const uint64_t left = c->base.size - i * CHECKED_PIECE;

	return left < CHECKED_PIECE ? (size_t)left : CHECKED_PIECE;
}

static int find_piece(struct checked *c, uint64_t i, const uint8_t **ret, struct firn_error *err)
{
	struct piece *oldest = &c->kept[0];
	struct digest d;
	int rc;

	for (size_t k = 0; k < KEPT; k++) {
		if (c->kept[k].number == i + 1) {
			c->kept[k].used = ++c->clock;
			*ret = c->kept[k].bytes;
			return 0;
		}
		if (c->kept[k].used < oldest->used)
			oldest = &c->kept[k];
	}
	oldest->number = 0;
	if (!oldest->bytes && !(oldest->bytes = malloc(CHECKED_PIECE)))
		return firn_fail_oom(err, "check what is read");
	rc = source_read_at(c->src, oldest->bytes, piece_bytes(c, i), i * CHECKED_PIECE, err);
	if (rc < 0 || (rc = digest_of(oldest->bytes, piece_bytes(c, i), &d, err)) < 0)
		return rc;
	if (memcmp(d.bytes, c->sums[i], sizeof(c->sums[i])) != 0)
		return firn_fail(err, FIRN_ECORRUPT,
				 "the bytes from %" PRIu64
				 " on have changed since they were mounted",
				 i * CHECKED_PIECE);
	oldest->number = i + 1;
	oldest->used = ++c->clock;
	*ret = oldest->bytes;
	return 0;
}

static ssize_t checked_pread(struct source *src, void *buf, size_t n, uint64_t at,
			     struct firn_error *err)
{
	struct checked *c = (struct checked *)src;
	size_t done = 0;

	if (at >= src->size)
		return 0;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	while (done < n) {
		const uint64_t i = (at + done) / CHECKED_PIECE;
		const size_t within = (size_t)((at + done) % CHECKED_PIECE);
		const size_t there = piece_bytes(c, i) - within;
		const size_t some = there < n - done ? there : n - done;
		const uint8_t *bytes = NULL;
		int rc = find_piece(c, i, &bytes, err);

		if (rc < 0)
			return rc;
		memcpy((uint8_t *)buf + done, bytes + within, some);
		done += some;
	}
	return (ssize_t)n;
}

static void checked_free(struct checked *c)
{
	for (size_t k = 0; k < KEPT; k++)
		free(c->kept[k].bytes);
	free(c->sums);
	free(c);
}

static void checked_close(struct source *src)
{
	struct checked *c = (struct checked *)src;

	source_close(c->src);
	checked_free(c);
}

static void checked_freep(struct checked **c)
{
	if (*c)
		checked_free(*c);
}

/* One pass: the digest of every piece, and of all of them together for whoever wants it. */
static int sum_up(struct checked *c, struct hasher *whole, checked_progress *told, void *ctx,
		  struct firn_error *err)
{
	_free_ uint8_t *bytes = malloc(CHECKED_PIECE);
	const uint64_t n = piece_count(c->base.size);

	if (!bytes)
		return firn_fail_oom(err, "check what is read");
	for (uint64_t i = 0; i < n; i++) {
		const size_t len = piece_bytes(c, i);
		struct digest d;
		int rc = source_read_at(c->src, bytes, len, i * CHECKED_PIECE, err);

		if (rc < 0 || (rc = digest_of(bytes, len, &d, err)) < 0 ||
		    (whole && (rc = hasher_update(whole, bytes, len, err)) < 0))
			return rc;
		memcpy(c->sums[i], d.bytes, sizeof(c->sums[i]));
		if (told)
			told(ctx, i * CHECKED_PIECE + len, c->base.size);
	}
	return 0;
}

static int prove(struct hasher *whole, const struct digest *want, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	struct digest d;
	int rc = hasher_final(whole, &d, err);

	if (rc < 0)
		return rc;
	return digest_equal(&d, want)
		   ? 0
		   : firn_fail(err, FIRN_ECORRUPT, "its bytes are %s", digest_text(&d, text));
}

int checked_open(struct source *src, const struct digest *want, checked_progress *told, void *ctx,
		 struct source **ret, struct firn_error *err)
{
	static const struct source_ops ops = { checked_pread, checked_close };
	_cleanup_(checked_freep) struct checked *c = calloc(1, sizeof(*c));
	_cleanup_(hasher_freep) struct hasher *whole = NULL;
	int rc = 0;

	if (!c)
		return firn_fail_oom(err, "check what is read");
	c->base = (struct source){ .ops = &ops, .size = src->size };
	c->src = src;
	c->sums = calloc((size_t)piece_count(src->size) + 1, sizeof(*c->sums));
	if (!c->sums)
		return firn_fail_oom(err, "check what is read");
	if (want)
		rc = hasher_new(want->alg, &whole, err);
	if (rc == 0)
		rc = sum_up(c, whole, told, ctx, err);
	if (rc == 0 && want)
		rc = prove(whole, want, err);
	if (rc < 0)
		return rc;
	*ret = &take_ptr(&c)->base;
	return 0;
}
