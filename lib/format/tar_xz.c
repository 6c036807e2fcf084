/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/library.h"
#include "bytes/codec_input.h"
#include "format/tar_private.h"

#include <lzma.h>
#include <pthread.h>

#define LIBRARY "liblzma.so.5" /* since 5.0 */
#define CALLS(X)                                                                                   \
	X(lzma_code)                                                                               \
	X(lzma_end)                                                                                \
	X(lzma_stream_decoder)

static struct {
	CALLS(LIBRARY_SLOT)
} xz;
static struct firn_error xz_failed;

static void load(void)
{
	static const char *const names[] = { CALLS(LIBRARY_NAME) };
	/* What it says is kept in xz_failed. */
	int rc = library_load(LIBRARY, names, ARRAY_SIZE(names), &xz, &xz_failed);

	(void)rc;
}

struct xz_stream {
	struct istream in;
	bool end;
	lzma_stream z;
	struct codec_input input;
};

static int xz_error(lzma_ret why, struct firn_error *err)
{
	switch (why) {
	case LZMA_MEMLIMIT_ERROR:
		return firn_fail(err, FIRN_ELIMIT,
				 "xz: takes more than %u MiB of memory: unpack it first",
				 TAR_XZ_MEMORY_MAX >> 20);
	case LZMA_MEM_ERROR:
		return firn_fail_oom(err, "xz");
	case LZMA_OPTIONS_ERROR:
		return firn_fail(err, FIRN_EUNSUPP, "xz: is packed in a way this doesn't know");
	case LZMA_BUF_ERROR: /* neither input nor output room was of any use */
		return firn_fail(err, FIRN_ECORRUPT, "xz: ends in the middle");
	default:
		return firn_fail(err, FIRN_ECORRUPT, "xz: bad data");
	}
}

static ssize_t xz_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct xz_stream *x = (struct xz_stream *)in;
	struct codec_input *ci = &x->input;

	x->z.next_out = buf;
	x->z.avail_out = n;
	while (x->z.avail_out == n && n && !x->end) {
		int rc = codec_input_fill(ci, 1, err);
		lzma_ret got;

		if (rc < 0)
			return rc;
		x->z.next_in = ci->bytes + ci->at;
		x->z.avail_in = ci->len - ci->at;
		got = xz.lzma_code(&x->z, ci->eof ? LZMA_FINISH : LZMA_RUN);
		ci->at = ci->len - x->z.avail_in;
		x->end = got == LZMA_STREAM_END;
		if (got != LZMA_OK && !x->end)
			return xz_error(got, err);
	}
	return (ssize_t)(n - x->z.avail_out);
}

static void xz_close(struct istream *in)
{
	struct xz_stream *x = (struct xz_stream *)in;

	xz.lzma_end(&x->z);
	istream_close(x->input.in);
	free(x);
}

int tar_xz(struct istream *from, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { xz_read, xz_close };
	_cleanup_(istream_closep) struct istream *owned = from;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct xz_stream *x;
	lzma_ret rc;

	pthread_once(&once, load);
	if (xz_failed.code) {
		if (err)
			*err = xz_failed;
		return firn_wrap(err, -xz_failed.code, "decompress");
	}
	x = calloc(1, sizeof(*x));
	if (!x)
		return firn_fail_oom(err, "xz");
	x->in.ops = &ops;
	x->input.in = take_ptr(&owned);
	owned = &x->in;
	rc = xz.lzma_stream_decoder(&x->z, TAR_XZ_MEMORY_MAX, LZMA_CONCATENATED);
	if (rc != LZMA_OK)
		return xz_error(rc, err);
	*ret = take_ptr(&owned);
	return 0;
}
