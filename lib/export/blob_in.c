/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/blob_in.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "store/publish.h"

#include <inttypes.h>

#define PIECE (256u << 10) /* bytes read at a time */

struct blob_in {
	struct source *src;
	int fd; /* of src, or -1 */
	uint64_t at;
	struct digest want;
	struct hasher *hasher; /* NULL: proven */
	uint64_t hashed;       /* bytes from the beginning */
	uint8_t piece[PIECE];
};

struct blob_in *blob_in_close(struct blob_in *b)
{
	if (!b)
		return NULL;
	source_close(b->src);
	hasher_free(b->hasher);
	fd_close(b->fd);
	free(b);
	return NULL;
}

void blob_in_closep(struct blob_in **b)
{
	*b = blob_in_close(*b);
}

static int make(struct blob_in **ret, struct firn_error *err)
{
	struct blob_in *b = malloc(sizeof(*b));

	if (!b)
		return firn_fail_oom(err, "blob");
	b->src = NULL;
	b->fd = -1;
	b->at = 0;
	b->want.alg = 0;
	b->hasher = NULL;
	b->hashed = 0;
	*ret = b;
	return 0;
}

int blob_in_open(struct store *s, const struct oci_descriptor *desc, struct blob_in **ret,
		 struct firn_error *err)
{
	_cleanup_(blob_in_closep) struct blob_in *b = NULL;
	char text[DIGEST_TEXT_MAX];
	uint64_t size;
	int rc;

	if ((rc = make(&b, err)) < 0 || (rc = store_open(s, &desc->digest, &b->src, err)) < 0 ||
	    (rc = hasher_new(desc->digest.alg, &b->hasher, err)) < 0)
		return rc;
	if (b->src->size != desc->size)
		return firn_fail(err, FIRN_ECORRUPT,
				 "blob %s has %" PRIu64 " bytes where %" PRIu64 " are announced",
				 digest_text(&desc->digest, text), b->src->size, desc->size);
	b->want = desc->digest;
	/* A store in memory has no file, and nothing to share with one. */
	if (store_open_fd(s, &desc->digest, &b->fd, &b->at, &size, NULL) < 0)
		b->fd = -1;
	*ret = take_ptr(&b);
	return 0;
}

static uint64_t unpacked_max(uint64_t packed)
{
	uint64_t max;

	if (__builtin_mul_overflow(packed, (uint64_t)BLOB_IN_RATIO_MAX, &max))
		return OCI_BLOB_MAX;
	return max < BLOB_IN_RATIO_FROM ? BLOB_IN_RATIO_FROM : max;
}

static int unpack(struct blob_in *b, struct istream *in, const struct digest *diff_id,
		  struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	struct digest have;
	ssize_t got = 1;
	int rc = hasher_new(diff_id->alg, &h, err);

	while (rc == 0 && got > 0) {
		got = istream_read_full(in, b->piece, PIECE, err);
		if (got < 0)
			return (int)got;
		rc = hasher_update(h, b->piece, (size_t)got, err);
		if (rc == 0)
			rc = fd_write(b->fd, b->piece, (size_t)got, err);
	}
	if (rc < 0 || (rc = hasher_final(h, &have, err)) < 0)
		return rc;
	if (!digest_equal(&have, diff_id))
		return firn_fail(err, FIRN_ECORRUPT, "unpacks to something else than its diff_id");
	return source_from_fd(b->fd, &b->src, err);
}

static int open_packed(struct store *s, const struct oci_descriptor *desc,
		       const struct digest *diff_id, enum codec codec, struct work *w,
		       struct blob_in **ret, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *packed = NULL, *in = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(blob_in_closep) struct blob_in *b = NULL;
	int rc;

	if ((rc = make(&b, err)) < 0 || (rc = store_open(s, &desc->digest, &src, err)) < 0 ||
	    (rc = istream_from_source(src, &packed, err)) < 0)
		return rc;
	rc = b->fd = publish_unnamed(w->tmp, err);
	if (rc >= 0)
		rc = codec_reader(codec, take_ptr(&packed), unpacked_max(src->size), &in, err);
	if (rc < 0 || (rc = unpack(b, in, diff_id, err)) < 0)
		return rc;
	*ret = take_ptr(&b);
	return 0;
}

int blob_in_layer(struct store *s, const struct oci_descriptor *desc, const struct digest *diff_id,
		  struct work *w, struct blob_in **ret, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	int codec, rc = oci_layer_codec(desc->media_type, &codec, err);

	if (rc == 0 && codec == CODEC_NONE && !digest_equal(&desc->digest, diff_id))
		rc = firn_fail(err, FIRN_ECORRUPT, "is uncompressed, and not of its diff_id");
	if (rc == 0)
		rc = codec == CODEC_NONE
			 ? blob_in_open(s, desc, ret, err)
			 : open_packed(s, desc, diff_id, (enum codec)codec, w, ret, err);
	return firn_wrap(err, rc, "layer %s", digest_text(&desc->digest, text));
}

uint64_t blob_in_size(const struct blob_in *b)
{
	return b->src->size;
}

struct source *blob_in_source(struct blob_in *b)
{
	return b->src;
}

int blob_in_fd(const struct blob_in *b, uint64_t *ret_at)
{
	*ret_at = b->at;
	return b->fd;
}

/* At most one piece from @at into b->piece, hashed as far as it is new. */
static ssize_t read_piece(struct blob_in *b, uint64_t at, uint64_t n, struct firn_error *err)
{
	size_t want = n < PIECE ? (size_t)n : PIECE, old;
	int rc = source_read_at(b->src, b->piece, want, at, err);

	if (rc < 0)
		return rc;
	if (!b->hasher || at + want <= b->hashed)
		return (ssize_t)want;
	old = (size_t)(b->hashed - at);
	rc = hasher_update(b->hasher, b->piece + old, want - old, err);
	b->hashed = at + want;
	return rc < 0 ? rc : (ssize_t)want;
}

/* Hash everything up to @at. */
static int catch_up(struct blob_in *b, uint64_t at, struct firn_error *err)
{
	while (b->hasher && b->hashed < at) {
		ssize_t got = read_piece(b, b->hashed, at - b->hashed, err);

		if (got < 0)
			return (int)got;
	}
	return 0;
}

int blob_in_copy(struct blob_in *b, uint64_t at, uint64_t n, struct sink *out, struct work *w,
		 const char *what, struct firn_error *err)
{
	int rc = catch_up(b, at, err);

	while (rc == 0 && n) {
		ssize_t got = read_piece(b, at, n, err);

		if (got < 0)
			return (int)got;
		rc = out ? sink_write(out, b->piece, (size_t)got, err) : 0;
		work_progress(w, what, (uint64_t)got);
		at += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return rc;
}

int blob_in_text(struct blob_in *b, uint64_t at, size_t n, char **ret, struct firn_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	_cleanup_(sink_closep) struct sink *to = NULL;
	struct work quiet = { 0 };
	int rc = sink_from_buf(&text, &to, err);

	if (rc < 0 || (rc = blob_in_copy(b, at, n, to, &quiet, "", err)) < 0)
		return rc;
	buf_puts(&text, ""); /* the NUL, for nothing too */
	if ((rc = buf_check(&text, err)) < 0)
		return rc;
	*ret = buf_steal(&text);
	return *ret ? 0 : firn_fail_oom(err, "text");
}

int blob_in_prove(struct blob_in *b, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	struct digest have;
	int rc = catch_up(b, b->src->size, err);

	if (rc < 0 || !b->hasher)
		return rc;
	rc = hasher_final(b->hasher, &have, err);
	b->hasher = hasher_free(b->hasher);
	if (rc < 0)
		return rc;
	if (!digest_equal(&have, &b->want))
		return firn_fail(err, FIRN_ECORRUPT, "blob %s: its bytes have another digest",
				 digest_text(&b->want, text));
	return 0;
}
