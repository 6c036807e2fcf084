/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/codec.h"

#include "base/fd.h"
#include "bytes/codec_input.h"
#include "bytes/codec_output.h"

#include <inttypes.h>
#include <string.h>

#define BELIEVED_RATIO  200
#define BELIEVED_ANYWAY (1ull << 30)

/* RFC 1952 section 2.3.1 (deflate is the only method) and RFC 8878 sections 3.1.1 and 3.1.2. */
enum codec codec_detect(const void *head, size_t n)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b, 8 }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd },
			     skippable[] = { 0x2a, 0x4d, 0x18 };
	const uint8_t *p = head;

	if (n >= 3 && memcmp(p, gzip, 3) == 0)
		return CODEC_GZIP;
	if (n >= 4 && memcmp(p, zstd, 4) == 0)
		return CODEC_ZSTD;
	if (n >= 4 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, skippable, 3) == 0)
		return CODEC_ZSTD;
	return CODEC_NONE;
}

const char *codec_name(enum codec c)
{
	switch (c) {
	case CODEC_GZIP:
		return "gzip";
	case CODEC_ZSTD:
		return "zstd";
	default:
		return "none";
	}
}

uint64_t codec_believed(uint64_t packed)
{
	uint64_t max;

	if (__builtin_mul_overflow(packed, BELIEVED_RATIO, &max))
		return UINT64_MAX;
	return max > BELIEVED_ANYWAY ? max : BELIEVED_ANYWAY;
}

int codec_input_fill(struct codec_input *ci, size_t want, struct firn_error *err)
{
	if (ci->len - ci->at >= want || ci->eof)
		return 0;
	memmove(ci->bytes, ci->bytes + ci->at, ci->len - ci->at);
	ci->len -= ci->at;
	ci->at = 0;
	while (ci->len < want && !ci->eof) {
		ssize_t got =
		    istream_read(ci->in, ci->bytes + ci->len, sizeof(ci->bytes) - ci->len, err);

		if (got < 0)
			return (int)got;
		ci->len += (size_t)got;
		ci->eof = got == 0;
	}
	return 0;
}

struct limited {
	struct istream in;
	struct istream *from;
	uint64_t left, max;
};

static ssize_t limited_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct limited *l = (struct limited *)in;
	ssize_t got = istream_read(l->from, buf, n, err);

	if (got <= 0)
		return got;
	if ((uint64_t)got > l->left)
		return firn_fail(err, FIRN_ELIMIT, "expands to more than %" PRIu64 " bytes",
				 l->max);
	l->left -= (uint64_t)got;
	return got;
}

static void limited_close(struct istream *in)
{
	istream_close(((struct limited *)in)->from);
	free(in);
}

/* Takes *@from on success only. */
static int limited_new(struct istream **from, uint64_t max, struct istream **ret,
		       struct firn_error *err)
{
	static const struct istream_ops ops = { limited_read, limited_close };
	struct limited *l = calloc(1, sizeof(*l));

	if (!l)
		return firn_fail_oom(err, "stream");
	l->in.ops = &ops;
	l->from = take_ptr(from);
	l->left = l->max = max;
	*ret = &l->in;
	return 0;
}

int codec_reader(enum codec c, struct istream *in, uint64_t max, struct istream **ret,
		 struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *top = in;
	int rc = 0;

	if (c == CODEC_GZIP)
		rc = codec_gzip_reader(in, &top, err);
	else if (c == CODEC_ZSTD)
		rc = codec_zstd_reader(in, &top, err);
	if (rc == 0 && max)
		rc = limited_new(&top, max, &top, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&top);
	return 0;
}

struct through {
	struct sink sink;
	struct sink *out;
};

static int through_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	return sink_write(((struct through *)s)->out, bytes, n, err);
}

static void through_close(struct sink *s)
{
	free(s);
}

static int through_new(struct sink *out, struct sink **ret, struct firn_error *err)
{
	static const struct sink_ops ops = { through_write, NULL, through_close };
	struct through *t = calloc(1, sizeof(*t));

	if (!t)
		return firn_fail_oom(err, "sink");
	t->sink.ops = &ops;
	t->out = out;
	*ret = &t->sink;
	return 0;
}

int codec_writer(enum codec c, struct sink *out, struct sink **ret, struct firn_error *err)
{
	switch (c) {
	case CODEC_GZIP:
		return codec_gzip_writer(out, ret, err);
	case CODEC_ZSTD:
		return codec_zstd_writer(out, ret, err);
	default:
		return through_new(out, ret, err);
	}
}
