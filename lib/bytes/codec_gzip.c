/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "bytes/codec_input.h"
#include "bytes/codec_output.h"

#include <limits.h>
#include <zlib.h>

struct gzip_stream {
	struct istream in;
	bool inside; /* of a member: there must be more input */
	bool any;    /* a member was seen */
	z_stream z;
	struct codec_input input;
};

static int gzip_corrupt(struct firn_error *err, const char *why)
{
	return firn_fail(err, FIRN_ECORRUPT, "gzip: %s", why);
}

/* 1 when the next member begins, 0 at the end of the input. */
static int gzip_begin(struct gzip_stream *g, struct firn_error *err)
{
	struct codec_input *ci = &g->input;
	int rc = codec_input_fill(ci, 2, err);

	if (rc < 0)
		return rc;
	if (ci->len == ci->at)
		return g->any ? 0 : gzip_corrupt(err, "is empty");
	if (g->any &&
	    (ci->len - ci->at < 2 || ci->bytes[ci->at] != 0x1f || ci->bytes[ci->at + 1] != 0x8b))
		return gzip_corrupt(err, "something else follows the last member");
	if (inflateReset(&g->z) != Z_OK)
		return gzip_corrupt(err, "reset failed");
	g->any = g->inside = true;
	return 1;
}

static int gzip_step(struct gzip_stream *g, struct firn_error *err)
{
	struct codec_input *ci = &g->input;
	int rc = codec_input_fill(ci, 1, err);

	if (rc < 0)
		return rc;
	g->z.next_in = ci->bytes + ci->at;
	g->z.avail_in = (uInt)(ci->len - ci->at);
	rc = inflate(&g->z, Z_NO_FLUSH);
	ci->at = ci->len - g->z.avail_in;
	switch (rc) {
	case Z_STREAM_END:
		g->inside = false;
		return 0;
	case Z_OK:
		return 0;
	case Z_BUF_ERROR: /* neither input nor output room was of any use */
		return gzip_corrupt(err, "ends in the middle");
	case Z_MEM_ERROR:
		return firn_fail_oom(err, "gzip");
	default:
		return gzip_corrupt(err, g->z.msg ? g->z.msg : "bad data");
	}
}

static ssize_t gzip_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct gzip_stream *g = (struct gzip_stream *)in;
	const uInt room = n > INT_MAX ? INT_MAX : (uInt)n;

	g->z.next_out = buf;
	g->z.avail_out = room;
	while (g->z.avail_out == room) {
		int rc = g->inside ? 1 : gzip_begin(g, err);

		if (rc > 0)
			rc = gzip_step(g, err);
		else if (rc == 0)
			return 0;
		if (rc < 0)
			return rc;
	}
	return (ssize_t)(room - g->z.avail_out);
}

static void gzip_close(struct istream *in)
{
	struct gzip_stream *g = (struct gzip_stream *)in;

	inflateEnd(&g->z);
	istream_close(g->input.in);
	free(g);
}

int codec_gzip_reader(struct istream *in, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { gzip_read, gzip_close };
	_free_ struct gzip_stream *g = calloc(1, sizeof(*g));

	/* 15: the largest window there is; 16: gzip framing and nothing else */
	if (!g || inflateInit2(&g->z, 15 + 16) != Z_OK)
		return firn_fail_oom(err, "gzip");
	g->in.ops = &ops;
	g->input.in = in;
	*ret = &take_ptr(&g)->in;
	return 0;
}

struct gzip_sink {
	struct sink sink;
	struct sink *out;
	z_stream z;
	uint8_t bytes[CODEC_OUTPUT_BYTES];
};

/* Compress what z has as input; with Z_FINISH to the member's end. */
static int gzip_drain(struct gzip_sink *g, int flush, struct firn_error *err)
{
	int status;

	do {
		int rc;

		g->z.next_out = g->bytes;
		g->z.avail_out = sizeof(g->bytes);
		status = deflate(&g->z, flush);
		if (status == Z_STREAM_ERROR)
			return firn_fail(err, FIRN_EFAIL, "gzip: can't compress");
		rc = sink_write(g->out, g->bytes, sizeof(g->bytes) - g->z.avail_out, err);
		if (rc < 0)
			return rc;
	} while (flush == Z_FINISH ? status != Z_STREAM_END : g->z.avail_out == 0);
	return 0;
}

static int gzip_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	struct gzip_sink *g = (struct gzip_sink *)s;
	const uint8_t *at = bytes;

	while (n) {
		const uInt piece = n > INT_MAX ? INT_MAX : (uInt)n;
		int rc;

		g->z.next_in = (Bytef *)(uintptr_t)at; /* zlib only reads, but has no const */
		g->z.avail_in = piece;
		rc = gzip_drain(g, Z_NO_FLUSH, err);
		if (rc < 0)
			return rc;
		at += piece;
		n -= piece;
	}
	return 0;
}

static int gzip_finish(struct sink *s, struct firn_error *err)
{
	struct gzip_sink *g = (struct gzip_sink *)s;

	g->z.avail_in = 0;
	return gzip_drain(g, Z_FINISH, err);
}

static void gzip_sink_close(struct sink *s)
{
	deflateEnd(&((struct gzip_sink *)s)->z);
	free(s);
}

int codec_gzip_writer(struct sink *out, struct sink **ret, struct firn_error *err)
{
	static const struct sink_ops ops = { gzip_write, gzip_finish, gzip_sink_close };
	_free_ struct gzip_sink *g = calloc(1, sizeof(*g));

	/* 15 and 16 as above, 8: zlib's own default. The header has no time and no name then. */
	if (!g || deflateInit2(&g->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			       Z_DEFAULT_STRATEGY) != Z_OK)
		return firn_fail_oom(err, "gzip");
	g->sink.ops = &ops;
	g->out = out;
	*ret = &take_ptr(&g)->sink;
	return 0;
}
