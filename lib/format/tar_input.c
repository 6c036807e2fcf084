/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "bytes/codec.h"
#include "format/tar_private.h"

#include <inttypes.h>
#include <string.h>

#define PEEK_BYTES 6     /* the longest magic number: xz */
#define SKIP_BYTES 65536 /* read at once when passing over a stream */

/* Read at once for a header by offset: what stands around it is often the next one. */
#define WINDOW_BYTES 4096

/* Counts what the decompressor takes from the archive, and gives it the peeked bytes again. */
struct tap {
	struct istream in;
	struct istream *from; /* borrowed, unless owns */
	bool owns;
	uint64_t count;
	uint8_t peek[PEEK_BYTES];
	size_t peek_at, peek_len;
};

struct tar_input {
	struct source *src;    /* uncompressed and read by offset, or NULL */
	struct istream *plain; /* otherwise; owned */
	struct tap *tap;       /* below plain, lives as long */
	bool compressed;
	uint64_t at, ratio;
	uint64_t window_at; /* of src; window_len bytes of it are in the buffer */
	size_t window_len;
	uint8_t buffer[SKIP_BYTES];
};

static ssize_t tap_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct tap *t = (struct tap *)in;
	size_t left = t->peek_len - t->peek_at;
	ssize_t got;

	if (left) {
		if (n > left)
			n = left;
		memcpy(buf, t->peek + t->peek_at, n);
		t->peek_at += n;
		return (ssize_t)n;
	}
	got = istream_read(t->from, buf, n, err);
	if (got > 0)
		t->count += (uint64_t)got;
	return got;
}

static void tap_close(struct istream *in)
{
	struct tap *t = (struct tap *)in;

	if (t->owns)
		istream_close(t->from);
	free(t);
}

static void tap_freep(struct tap **t)
{
	if (*t)
		tap_close(&(*t)->in);
}

enum packing { PLAIN, CODEC, XZ, BZIP2 };

static enum packing packing_of(const uint8_t *head, size_t n)
{
	static const uint8_t xz[PEEK_BYTES] = { 0xfd, '7', 'z', 'X', 'Z', 0 };

	if (codec_detect(head, n) != CODEC_NONE)
		return CODEC;
	if (n >= sizeof(xz) && memcmp(head, xz, sizeof(xz)) == 0)
		return XZ;
	if (n >= 4 && memcmp(head, "BZh", 3) == 0 && head[3] >= '1' && head[3] <= '9')
		return BZIP2;
	return PLAIN;
}

/* Puts the decompressor that @t's first bytes ask for on top of it; takes *@t. */
static int unpack(struct tap **t, enum packing how, struct istream **ret, struct firn_error *err)
{
	struct tap *tap = take_ptr(t);
	enum codec c = codec_detect(tap->peek, tap->peek_len);

	switch (how) {
	case CODEC:
		return codec_reader(c, &tap->in, 0, ret, err);
	case XZ:
		return tar_xz(&tap->in, ret, err);
	case BZIP2:
		return tar_filter(&tap->in, ret, err);
	default:
		*ret = &tap->in;
		return 0;
	}
}

static int from_tap(struct tap **t, enum packing how, uint64_t ratio, struct tar_input **ret,
		    struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *plain = NULL;
	struct tap *tap = *t;
	struct tar_input *in;
	int rc = unpack(t, how, &plain, err);

	if (rc < 0)
		return rc;
	in = calloc(1, sizeof(*in));
	if (!in)
		return firn_fail_oom(err, "tar");
	in->plain = take_ptr(&plain);
	in->tap = tap;
	in->compressed = how != PLAIN;
	in->ratio = ratio ? ratio : TAR_RATIO;
	*ret = in;
	return 0;
}

int tar_input_from_stream(struct istream *from, uint64_t ratio, struct tar_input **ret,
			  struct firn_error *err)
{
	static const struct istream_ops ops = { tap_read, tap_close };
	_cleanup_(tap_freep) struct tap *t = calloc(1, sizeof(*t));
	ssize_t got;

	if (!t)
		return firn_fail_oom(err, "tar");
	t->in.ops = &ops;
	t->from = from;
	got = istream_read_full(from, t->peek, sizeof(t->peek), err);
	if (got < 0)
		return (int)got;
	t->count = t->peek_len = (size_t)got;
	return from_tap(&t, packing_of(t->peek, t->peek_len), ratio, ret, err);
}

int tar_input_from_source(struct source *src, uint64_t ratio, struct tar_input **ret,
			  struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *from = NULL;
	uint8_t head[PEEK_BYTES];
	ssize_t got = source_pread(src, head, sizeof(head), 0, err);
	int rc;

	if (got < 0)
		return (int)got;
	if (packing_of(head, (size_t)got) == PLAIN) {
		struct tar_input *in = calloc(1, sizeof(*in));

		if (!in)
			return firn_fail_oom(err, "tar");
		in->src = src;
		*ret = in;
		return 0;
	}
	rc = istream_from_source(src, &from, err);
	if (rc == 0)
		rc = tar_input_from_stream(from, ratio, ret, err);
	if (rc < 0)
		return rc;
	(*ret)->tap->owns = true;
	take_ptr(&from);
	return 0;
}

void tar_input_close(struct tar_input *in)
{
	if (in)
		istream_close(in->plain);
	free(in);
}

bool tar_input_compressed(const struct tar_input *in)
{
	return in->compressed;
}

const char *tar_input_packing(const struct tar_input *in)
{
	if (!in->compressed)
		return "none";
	switch (packing_of(in->tap->peek, in->tap->peek_len)) {
	case XZ:
		return "xz";
	case BZIP2:
		return "bzip2";
	default:
		return codec_name(codec_detect(in->tap->peek, in->tap->peek_len));
	}
}

uint64_t tar_input_at(const struct tar_input *in)
{
	return in->at;
}

uint64_t tar_input_left(const struct tar_input *in)
{
	return in->src ? in->src->size - in->at : UINT64_MAX;
}

static int check_ratio(const struct tar_input *in, struct firn_error *err)
{
	if (!in->compressed || in->at <= TAR_RATIO_FROM || in->at / in->ratio <= in->tap->count)
		return 0;
	return firn_fail(err, FIRN_ELIMIT, "expands more than %" PRIu64 " times", in->ratio);
}

/* Small pieces come out of a window, large ones (payloads) don't go through it. */
static ssize_t source_read(struct tar_input *in, void *buf, size_t n, struct firn_error *err)
{
	uint64_t from;

	if (n >= WINDOW_BYTES)
		return source_pread(in->src, buf, n, in->at, err);
	if (in->at < in->window_at || in->at - in->window_at >= in->window_len) {
		ssize_t got = source_pread(in->src, in->buffer, WINDOW_BYTES, in->at, err);

		if (got <= 0)
			return got;
		in->window_at = in->at;
		in->window_len = (size_t)got;
	}
	from = in->at - in->window_at;
	if (n > in->window_len - from)
		n = (size_t)(in->window_len - from);
	memcpy(buf, in->buffer + from, n);
	return (ssize_t)n;
}

ssize_t tar_input_read(struct tar_input *in, void *buf, size_t n, struct firn_error *err)
{
	ssize_t got;
	int rc;

	if (in->src)
		got = source_read(in, buf, n, err);
	else
		got = istream_read(in->plain, buf, n, err);
	if (got <= 0)
		return got;
	in->at += (uint64_t)got;
	rc = check_ratio(in, err);
	return rc < 0 ? rc : got;
}

ssize_t tar_input_read_full(struct tar_input *in, void *buf, size_t n, struct firn_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = tar_input_read(in, (char *)buf + done, n - done, err);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int tar_input_skip(struct tar_input *in, uint64_t n, struct firn_error *err)
{
	if (in->src && n <= tar_input_left(in)) {
		in->at += n;
		return 0;
	}
	while (n && !in->src) {
		size_t piece = n < sizeof(in->buffer) ? (size_t)n : sizeof(in->buffer);
		ssize_t got = tar_input_read(in, in->buffer, piece, err);

		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		n -= (uint64_t)got;
	}
	return n ? firn_fail(err, FIRN_ECORRUPT, "ends early") : 0;
}

int tar_input_drain(struct tar_input *in, struct firn_error *err)
{
	ssize_t got = 1;

	while (got > 0 && !in->src)
		got = tar_input_read(in, in->buffer, sizeof(in->buffer), err);
	return got < 0 ? (int)got : 0;
}
