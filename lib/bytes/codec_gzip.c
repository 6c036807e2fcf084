/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "bytes/codec_input.h"

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
