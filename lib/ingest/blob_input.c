/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/blob_input.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "bytes/verify.h"
#include "ingest/input.h"

struct counted {
	struct istream stream;
	struct istream *in; /* owned */
	uint64_t *done;
};

void blob_input_done(struct blob_input *b)
{
	tar_close(b->tar);
	istream_close(b->bytes);
	source_close(b->src);
	*b = (struct blob_input){ .src = NULL };
}

static ssize_t counted_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct counted *c = (struct counted *)in;
	const ssize_t got = istream_read(c->in, buf, n, err);

	if (got > 0 && c->done)
		*c->done += (uint64_t)got;
	return got;
}

static void counted_close(struct istream *in)
{
	istream_close(((struct counted *)in)->in);
	free(in);
}

/* Takes @in, also on failure. */
static int count(struct istream *in, uint64_t *done, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { counted_read, counted_close };
	struct counted *c = calloc(1, sizeof(*c));

	if (!c) {
		istream_close(in);
		return firn_fail_oom(err, "stream");
	}
	c->stream.ops = &ops;
	c->in = in;
	c->done = done;
	*ret = &c->stream;
	return 0;
}

/* The blob as it lies, proven unless it is known by what is in it alone. */
static int open_bytes(const struct blob_wanted *w, bool prove, struct blob_input *b,
		      struct firn_error *err)
{
	const struct oci_descriptor *d = w->desc;
	struct istream *in = NULL;
	int rc;

	if (b->src->size != d->size)
		return firn_fail(err, FIRN_ECORRUPT, "has %llu bytes, its descriptor says %llu",
				 (unsigned long long)b->src->size, (unsigned long long)d->size);
	if ((rc = istream_from_source(b->src, &in, err)) < 0 ||
	    (rc = count(in, w->done, &in, err)) < 0)
		return rc;
	if (prove)
		rc = verify_reader(in, &d->digest, d->size, &in, err);
	if (rc >= 0)
		b->bytes = in;
	return rc;
}

static int name_blob(const struct oci_descriptor *d, int rc, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return firn_wrap(err, rc, "blob %s", digest_text(&d->digest, text));
}

int blob_input_bytes(struct store *s, const struct blob_wanted *w, struct blob_input *ret,
		     struct firn_error *err)
{
	_cleanup_(blob_input_done) struct blob_input b = { .src = NULL };
	int rc = store_open(s, &w->desc->digest, &b.src, err);

	if (rc < 0)
		return rc;
	rc = open_bytes(w, true, &b, err);
	if (rc < 0)
		return name_blob(w->desc, rc, err);
	*ret = b;
	b = (struct blob_input){ .src = NULL };
	return 0;
}

static int open_tar(const struct blob_wanted *w, struct blob_input *b, struct firn_error *err)
{
	const struct tar_limits limits = { .entries = BLOB_INPUT_FILES_MAX };
	uint8_t head[CODEC_DETECT_BYTES];
	enum codec c;
	ssize_t got;
	int rc = open_bytes(w, !w->by_diff_id, b, err);

	if (rc < 0)
		return rc;
	got = source_pread(b->src, head, sizeof(head), 0, err);
	if (got < 0)
		return (int)got;
	c = codec_detect(head, (size_t)got);
	if (c != CODEC_NONE)
		rc = codec_reader(c, take_ptr(&b->bytes), codec_believed(b->src->size), &b->bytes,
				  err);
	/* Of what isn't compressed the digest says all already. */
	if (rc >= 0 && w->diff_id && (w->by_diff_id || c != CODEC_NONE))
		rc =
		    verify_reader(take_ptr(&b->bytes), w->diff_id, VERIFY_ANY_SIZE, &b->bytes, err);
	else if (rc >= 0 && w->diff_id && !digest_equal(w->diff_id, &w->desc->digest))
		return firn_fail(err, FIRN_ECORRUPT, "isn't compressed, but its diff_id differs");
	return rc < 0 ? rc : tar_open_stream(b->bytes, &limits, &b->tar, err);
}

int blob_input_tar(struct store *s, const struct blob_wanted *w, struct blob_input *ret,
		   struct firn_error *err)
{
	_cleanup_(blob_input_done) struct blob_input b = { .src = NULL };
	int rc = store_open(s, &w->desc->digest, &b.src, err);

	if (rc < 0)
		return rc;
	rc = open_tar(w, &b, err);
	if (rc < 0)
		return name_blob(w->desc, rc, err);
	*ret = b;
	b = (struct blob_input){ .src = NULL };
	return 0;
}

int blob_input_headers(struct store *s, const struct oci_descriptor *d, struct blob_input *ret,
		       struct firn_error *err)
{
	const struct tar_limits limits = { .entries = BLOB_INPUT_FILES_MAX };
	_cleanup_(blob_input_done) struct blob_input b = { .src = NULL };
	int rc = store_open(s, &d->digest, &b.src, err);

	if (rc < 0)
		return rc;
	rc = tar_open_source(b.src, &limits, &b.tar, err);
	if (rc < 0 || tar_compressed(b.tar))
		return rc < 0 ? name_blob(d, rc, err) : 0;
	*ret = b;
	b = (struct blob_input){ .src = NULL };
	return 1;
}
