/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/verify.h"

#include "base/fd.h"

#include <inttypes.h>

#define PROVE_BYTES (256u << 10) /* read at once when nobody wants the bytes */

struct verify {
	struct istream stream;
	struct istream *in; /* owned */
	struct hasher *hasher;
	struct digest want;
	uint64_t size, count;
	bool proven;
	struct firn_error failed; /* the first failure is every later call's */
};

static int finish(struct verify *v, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX], want[DIGEST_TEXT_MAX];
	struct digest got;
	int rc;

	if (v->size != VERIFY_ANY_SIZE && v->count != v->size)
		return firn_fail(err, FIRN_ECORRUPT, "ends after %" PRIu64 " of %" PRIu64 " bytes",
				 v->count, v->size);
	rc = hasher_final(v->hasher, &got, err);
	if (rc < 0)
		return rc;
	if (!digest_equal(&got, &v->want))
		return firn_fail(err, FIRN_ECORRUPT, "its content is %s, not %s",
				 digest_text(&got, text), digest_text(&v->want, want));
	v->proven = true;
	return 0;
}

static ssize_t take(struct verify *v, void *buf, size_t n, struct firn_error *err)
{
	const ssize_t got = istream_read(v->in, buf, n, err);
	int rc;

	if (got < 0)
		return got;
	if (got == 0)
		return finish(v, err);
	if ((uint64_t)got > v->size - v->count)
		return firn_fail(err, FIRN_ECORRUPT, "has more than %" PRIu64 " bytes", v->size);
	v->count += (uint64_t)got;
	rc = hasher_update(v->hasher, buf, (size_t)got, err);
	return rc < 0 ? rc : got;
}

static ssize_t verify_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct verify *v = (struct verify *)in;
	ssize_t got;

	if (v->proven)
		return 0;
	if (!v->failed.code) {
		got = take(v, buf, n, &v->failed);
		if (got >= 0)
			return got;
	}
	if (err)
		*err = v->failed;
	return -v->failed.code;
}

static void verify_close(struct istream *in)
{
	struct verify *v = (struct verify *)in;

	hasher_free(v->hasher);
	istream_close(v->in);
	free(v);
}

int verify_reader(struct istream *in, const struct digest *want, uint64_t size,
		  struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { verify_read, verify_close };
	_cleanup_(istream_closep) struct istream *owned = in;
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	struct verify *v;
	int rc = hasher_new(want->alg, &h, err);

	if (rc < 0)
		return rc;
	v = calloc(1, sizeof(*v));
	if (!v)
		return firn_fail_oom(err, "stream");
	v->stream.ops = &ops;
	v->in = take_ptr(&owned);
	v->hasher = take_ptr(&h);
	v->want = *want;
	v->size = size;
	*ret = &v->stream;
	return 0;
}

int verify_source(struct source *src, const struct digest *want, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_free_ char *chunk = malloc(PROVE_BYTES);
	struct istream *plain = NULL;
	ssize_t got = 1;
	int rc;

	if (!chunk)
		return firn_fail_oom(err, "read");
	if ((rc = istream_from_source(src, &plain, err)) < 0 ||
	    (rc = verify_reader(plain, want, src->size, &in, err)) < 0)
		return rc;
	while (got > 0)
		got = istream_read(in, chunk, PROVE_BYTES, err);
	return (int)got;
}
