/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/frame_writer.h"

#include "base/buf.h"
#include "base/fd.h"

#include <string.h>

#define CONTENT_BYTES (128u << 10) /* of a frame; the last of a payload may have more */

struct frame_writer {
	struct frame_client client;
	struct frame_pool *pool;
	struct frames *index;
	frame_put *put;
	void *ctx;
	uint64_t at;      /* where the next frame may begin */
	uint64_t payload; /* bytes of it that are not in frames yet */
	bool begun;
	uint8_t *bytes; /* FRAME_CONTENT_MAX */
	size_t used;
};

void frame_put_skip(uint8_t to[FRAME_SKIP_BYTES], uint32_t n)
{
	put_le32(to, FRAME_SKIP_MAGIC);
	put_le32(to + 4, n - FRAME_SKIP_BYTES);
}

/* Fill up until the next multiple of FRAME_BLOCK is @before bytes away. */
static int pad(struct frame_writer *w, uint64_t before, struct firn_error *err)
{
	static const uint8_t zeros[FRAME_BLOCK + FRAME_SKIP_BYTES];
	uint8_t skip[sizeof(zeros)];
	size_t n = (size_t)(-(w->at + before) % FRAME_BLOCK);
	int rc;

	if (n == 0)
		return 0;
	if (n < FRAME_SKIP_BYTES)
		n += FRAME_BLOCK;
	memcpy(skip, zeros, n);
	frame_put_skip(skip, (uint32_t)n);
	rc = w->put(w->ctx, skip, n, err);
	w->at += n;
	return rc;
}

/*
 * RFC 8878 section 3.1.1: one segment, the content's size in two bytes less 256, no checksum; one
 * raw block, the last one.
 */
static int put_stored(struct frame_writer *w, const struct frame_piece *piece,
		      struct firn_error *err)
{
	uint8_t header[FRAME_STORED_AT] = { 0x28, 0xb5, 0x2f, 0xfd, 0x60 };
	const uint32_t block = (uint32_t)piece->n << 3 | 1;
	int rc = pad(w, FRAME_STORED_AT, err);

	put_le16(header + 5, (uint16_t)(piece->n - FRAME_STORED_MIN));
	put_le16(header + 7, (uint16_t)block);
	header[9] = (uint8_t)(block >> 16);
	if (rc < 0 || (rc = w->put(w->ctx, header, sizeof(header), err)) < 0 ||
	    (rc = w->put(w->ctx, piece->plain, piece->n, err)) < 0 ||
	    (rc = frames_add(w->index, w->at, sizeof(header) + piece->n, piece->n, true, err)) < 0)
		return rc;
	w->at += sizeof(header) + piece->n;
	return 0;
}

static int take(struct frame_client *c, const struct frame_piece *piece, struct firn_error *err)
{
	struct frame_writer *w = (struct frame_writer *)c;
	int rc = 0;

	if (piece->payload && piece->n <= FRAME_BLOCK && piece->len > FRAME_BLOCK)
		return put_stored(w, piece, err);
	if (piece->payload)
		rc = pad(w, 0, err);
	if (rc < 0 || (rc = w->put(w->ctx, piece->packed, piece->len, err)) < 0 ||
	    (rc = frames_add(w->index, w->at, piece->len, piece->n, false, err)) < 0)
		return rc;
	w->at += piece->len;
	return 0;
}

int frame_writer_new(struct frame_pool *pool, uint64_t at, struct frames *index, frame_put *put,
		     void *ctx, struct frame_writer **ret, struct firn_error *err)
{
	struct frame_writer *w = calloc(1, sizeof(*w));

	if (w)
		w->bytes = malloc(FRAME_CONTENT_MAX);
	if (!w || !w->bytes) {
		free(w);
		return firn_fail_oom(err, "zstd frames");
	}
	w->client.take = take;
	w->pool = pool;
	w->at = at;
	w->index = index;
	w->put = put;
	w->ctx = ctx;
	*ret = w;
	return 0;
}

struct frame_writer *frame_writer_free(struct frame_writer *w)
{
	if (!w)
		return NULL;
	frame_pool_forget(w->pool, &w->client);
	free(w->bytes);
	free(w);
	return NULL;
}

void frame_writer_freep(struct frame_writer **w)
{
	*w = frame_writer_free(*w);
}

bool frame_writer_hash(struct frame_writer *w, struct hasher *hasher)
{
	if (w->begun)
		return false;
	w->client.hasher = hasher;
	return true;
}

static int flush(struct frame_writer *w, bool payload, struct firn_error *err)
{
	const size_t n = w->used;

	if (n == 0)
		return 0;
	w->begun = true;
	w->used = 0;
	return frame_pool_put(w->pool, &w->client, &w->bytes, n, payload, err);
}

int frame_writer_payload(struct frame_writer *w, uint64_t size, struct firn_error *err)
{
	int rc = flush(w, false, err);

	w->payload = size;
	return rc;
}

/* How many bytes the frame that is being filled gets. */
static size_t frame_room(const struct frame_writer *w)
{
	if (!w->payload)
		return CONTENT_BYTES;
	if (w->payload < CONTENT_BYTES + 2 * (uint64_t)FRAME_BLOCK)
		return (size_t)w->payload;
	return CONTENT_BYTES;
}

int frame_writer_write(struct frame_writer *w, const void *bytes, size_t n, struct firn_error *err)
{
	const uint8_t *from = bytes;

	while (n) {
		const size_t room = frame_room(w), left = room - w->used;
		const size_t some = n < left ? n : left;
		int rc = 0;

		memcpy(w->bytes + w->used, from, some);
		w->used += some;
		from += some;
		n -= some;
		if (w->used == room) {
			const bool payload = w->payload > 0;

			w->payload -= payload ? room : 0;
			rc = flush(w, payload, err);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int frame_writer_finish(struct frame_writer *w, uint64_t *ret_at, struct firn_error *err)
{
	int rc = flush(w, false, err);

	/* Whoever else has work in the pool is not to be waited for, but that does no harm. */
	if (rc == 0)
		rc = frame_pool_drain(w->pool, err);
	*ret_at = w->at;
	return rc;
}
