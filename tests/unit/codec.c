/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/codec.h"

#include "base/buf.h"
#include "base/fd.h"
#include "unit.h"

#include <string.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

/* Makes one member or frame of @n bytes at @text. */
static void pack(struct buf *b, enum codec c, const void *text, size_t n, int window_log)
{
	size_t room = n + n / 2 + 1024;
	uint8_t *out = malloc(room);

	if (c == CODEC_GZIP) {
		z_stream z = { .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)n };

		ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
				 Z_OK);
		z.next_out = out;
		z.avail_out = (uInt)room;
		ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
		buf_put(b, out, room - z.avail_out);
		deflateEnd(&z);
	} else {
		ZSTD_CCtx *ctx = ZSTD_createCCtx();
		size_t got;

		ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 0);
		if (window_log)
			ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, window_log);
		got = ZSTD_compress2(ctx, out, room, text, n);
		ck_assert(!ZSTD_isError(got));
		buf_put(b, out, got);
		ZSTD_freeCCtx(ctx);
	}
	free(out);
}

static void skippable(struct buf *b, int variant, size_t n)
{
	buf_le32(b, 0x184d2a50u + (unsigned)variant);
	buf_le32(b, (uint32_t)n);
	buf_fill(b, 0x28, n);
}

/* The result and the bytes of the whole input, read @step bytes at a time. */
static int unpack(enum codec c, const void *bytes, size_t n, uint64_t max, size_t step,
		  struct buf *out, struct firn_error *err)
{
	uint8_t *piece = malloc(step);
	struct istream *mem = NULL, *in = NULL;
	ssize_t got = 1;
	int rc;

	ck_ok(istream_from_mem(bytes, n, &mem, err), *err);
	rc = codec_reader(c, mem, max, &in, err);
	while (rc == 0 && got > 0) {
		got = istream_read(in, piece, step, err);
		ck_assert_int_le(got, (ssize_t)step);
		if (got > 0 && out)
			buf_put(out, piece, (size_t)got);
	}
	istream_close(in);
	free(piece);
	return rc < 0 ? rc : (int)got;
}

static const struct {
	const char *name, *head;
	size_t n;
	enum codec codec;
} detect_cases[] = {
	{ "gzip", "\x1f\x8b\x08\x00", 4, CODEC_GZIP },
	{ "gzip, method 7", "\x1f\x8b\x07\x00", 4, CODEC_NONE },
	{ "compress", "\x1f\x9d\x08\x00", 4, CODEC_NONE },
	{ "gzip, short", "\x1f\x8b", 2, CODEC_NONE },
	{ "zstd", "\x28\xb5\x2f\xfd", 4, CODEC_ZSTD },
	{ "zstd, short", "\x28\xb5\x2f", 3, CODEC_NONE },
	{ "zstd 0.7", "\x27\xb5\x2f\xfd", 4, CODEC_NONE },
	{ "first skippable", "\x50\x2a\x4d\x18", 4, CODEC_ZSTD },
	{ "last skippable", "\x5f\x2a\x4d\x18", 4, CODEC_ZSTD },
	{ "none skippable", "\x60\x2a\x4d\x18", 4, CODEC_NONE },
	{ "xz",
	  "\xfd"
	  "7zX",
	  4, CODEC_NONE },
	{ "bzip2", "BZh9", 4, CODEC_NONE },
	{ "empty", "", 0, CODEC_NONE },
};

START_TEST(detect)
{
	ck_assert_msg(codec_detect(detect_cases[_i].head, detect_cases[_i].n) ==
			  detect_cases[_i].codec,
		      "%s", detect_cases[_i].name);
}
END_TEST

static const enum codec both[] = { CODEC_GZIP, CODEC_ZSTD };
static const size_t steps[] = { 1, 7, 4096, 300000 };

/* Members in a row, empty ones among them, come out as one stream whatever the reader's step. */
START_TEST(members)
{
	enum codec c = both[_i];
	_buf_ struct buf packed = BUF_INIT, plain = BUF_INIT;
	struct firn_error err = { 0 };

	for (unsigned m = 0; m < 5; m++) {
		size_t was = plain.len;

		for (unsigned i = 0; i < m * 40000; i++)
			buf_printf(&plain, "%c", 'a' + (int)(i * i / 7 % 25));
		pack(&packed, c, plain.data + was, plain.len - was, 0);
		if (c == CODEC_ZSTD)
			skippable(&packed, (int)m, m * 100000);
	}
	for (size_t s = 0; s < ARRAY_SIZE(steps); s++) {
		_buf_ struct buf out = BUF_INIT;

		ck_ok(unpack(c, packed.data, packed.len, 0, steps[s], &out, &err), err);
		ck_assert_uint_eq(out.len, plain.len);
		ck_assert_mem_eq(out.data, plain.data, plain.len);
	}
}
END_TEST

/* Cut anywhere, also in the checksum at the end, and nothing but an error may come out. */
START_TEST(truncated)
{
	enum codec c = both[_i];
	_buf_ struct buf packed = BUF_INIT, text = BUF_INIT;
	struct firn_error err = { 0 };
	size_t first;

	for (int i = 0; i < 400; i++)
		buf_printf(&text, "%d ", i * i);
	pack(&packed, c, text.data, text.len, 0);
	first = packed.len;
	pack(&packed, c, text.data, text.len, 0);
	if (c == CODEC_ZSTD)
		skippable(&packed, 3, 10);
	for (size_t n = 0; n < packed.len; n++) {
		int rc = unpack(c, packed.data, n, 0, 4096, NULL, &err);
		bool whole = n == first || (c == CODEC_ZSTD && n == packed.len - 18);

		ck_assert_msg(rc == (whole ? 0 : -FIRN_ECORRUPT), "cut at %zu: %d", n, rc);
	}
	ck_ok(unpack(c, packed.data, packed.len, 0, 4096, NULL, &err), err);
}
END_TEST

/* Each bit of a small stream matters, or does no harm: no crash, and never other bytes. */
START_TEST(flipped)
{
	enum codec c = both[_i];
	_buf_ struct buf packed = BUF_INIT;
	struct firn_error err = { 0 };
	const char text[] = "the quick brown fox jumps over the lazy dog, the quick brown fox";

	pack(&packed, c, text, sizeof(text), 0);
	for (size_t bit = 0; bit < packed.len * 8; bit++) {
		_buf_ struct buf out = BUF_INIT;
		int rc;

		packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = unpack(c, packed.data, packed.len, 0, 4096, &out, &err);
		packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_msg(rc == 0 || rc == -FIRN_ECORRUPT || rc == -FIRN_ELIMIT, "%zu: %d", bit,
			      rc);
		if (rc == 0)
			ck_assert_mem_eq(out.data, text, sizeof(text));
	}
}
END_TEST

static const char *const garbage[] = { "x", "xy", "\x1f\x8b", "garbage", "\0\0\0\0\0\0\0\0" };

START_TEST(garbage_behind)
{
	_buf_ struct buf packed = BUF_INIT;
	struct firn_error err = { 0 };
	enum codec c = both[_i % 2];
	size_t n = _i / 2 == 4 ? 8 : strlen(garbage[_i / 2]);

	ck_assert_int_eq(unpack(c, garbage[_i / 2], n, 0, 10, NULL, &err), -FIRN_ECORRUPT);
	pack(&packed, c, "abc", 3, 0);
	buf_put(&packed, garbage[_i / 2], n);
	ck_assert_int_eq(unpack(c, packed.data, packed.len, 0, 10, NULL, &err), -FIRN_ECORRUPT);
}
END_TEST

/* Ten MB of zeros are some KB; the limit counts what comes out, exactly. */
START_TEST(bomb)
{
	const size_t size = 10u << 20;
	_buf_ struct buf packed = BUF_INIT;
	struct firn_error err = { 0 };
	uint8_t *zeros = calloc(1, size);
	enum codec c = both[_i];

	pack(&packed, c, zeros, size, 0);
	free(zeros);
	ck_assert_uint_lt(packed.len, 20000);
	ck_ok(unpack(c, packed.data, packed.len, size, 65536, NULL, &err), err);
	ck_assert_int_eq(unpack(c, packed.data, packed.len, size - 1, 65536, NULL, &err),
			 -FIRN_ELIMIT);
	ck_assert_str_eq(err.msg, "expands to more than 10485759 bytes");
	ck_assert_int_eq(unpack(c, packed.data, packed.len, 1, 1, NULL, &err), -FIRN_ELIMIT);
}
END_TEST

static const struct {
	int log, rc;
} window_cases[] = {
	{ 20, 0 },
	{ CODEC_ZSTD_WINDOW_LOG_MAX, 0 },
	{ CODEC_ZSTD_WINDOW_LOG_MAX + 1, -FIRN_ELIMIT },
	{ 27, -FIRN_ELIMIT },
};

START_TEST(window)
{
	const size_t size = 20u << 20;
	_buf_ struct buf packed = BUF_INIT;
	struct firn_error err = { 0 };
	uint8_t *bytes = calloc(1, size);
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	ZSTD_inBuffer in = { bytes, size, 0 };
	ZSTD_outBuffer out = { malloc(size), size, 0 };

	/* Streaming: a window of exactly this size, whatever the content's. */
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, window_cases[_i].log);
	ck_assert_uint_eq(ZSTD_compressStream2(ctx, &out, &in, ZSTD_e_flush), 0);
	ck_assert_uint_eq(ZSTD_compressStream2(ctx, &out, &in, ZSTD_e_end), 0);
	buf_put(&packed, out.dst, out.pos);
	ck_assert_int_eq(unpack(CODEC_ZSTD, packed.data, packed.len, 0, 65536, NULL, &err),
			 window_cases[_i].rc);
	if (window_cases[_i].rc < 0)
		ck_assert_str_eq(err.msg, "zstd: needs a window of more than 8 MiB");
	ZSTD_freeCCtx(ctx);
	free(out.dst);
	free(bytes);
}
END_TEST

/* Wrong in ways that the library's streaming decoder lets pass (found by fuzzing). */
static const struct {
	const char *name, *bytes;
	size_t n;
} zstd_lies[] = {
	{ "announces 10,061 bytes, has none", "\x28\xb5\x2f\xfd\x50\x2a\x4d\x26\5\0\0", 11 },
	{ "announces 257, has 256", "\x28\xb5\x2f\xfd\x60\1\0\3\x08\0x", 11 },
	{ "header cut", "\x28\xb5\x2f\xfd\x60\1", 6 },
};

START_TEST(lies)
{
	static const size_t pieces[] = { 1, 777, 65536 };
	struct firn_error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		ck_assert_msg(unpack(CODEC_ZSTD, zstd_lies[_i].bytes, zstd_lies[_i].n, 0, pieces[i],
				     NULL, &err) == -FIRN_ECORRUPT,
			      "%s", zstd_lies[_i].name);
}
END_TEST

START_TEST(none)
{
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err = { 0 };

	ck_ok(unpack(CODEC_NONE, "plain", 5, 0, 2, &out, &err), err);
	ck_assert_uint_eq(out.len, 5);
	ck_ok(unpack(CODEC_NONE, "plain", 5, 5, 2, NULL, &err), err);
	ck_assert_int_eq(unpack(CODEC_NONE, "plain", 5, 4, 2, NULL, &err), -FIRN_ELIMIT);
	ck_ok(unpack(CODEC_NONE, "", 0, 0, 2, NULL, &err), err);
	ck_assert_str_eq(codec_name(CODEC_NONE), "none");
	ck_assert_str_eq(codec_name(CODEC_GZIP), "gzip");
	ck_assert_str_eq(codec_name(CODEC_ZSTD), "zstd");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("codec");
	TCase *tc = tcase_create("codec");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, detect, 0, ARRAY_SIZE(detect_cases));
	tcase_add_loop_test(tc, members, 0, ARRAY_SIZE(both));
	tcase_add_loop_test(tc, truncated, 0, ARRAY_SIZE(both));
	tcase_add_loop_test(tc, flipped, 0, ARRAY_SIZE(both));
	tcase_add_loop_test(tc, garbage_behind, 0, 2 * ARRAY_SIZE(garbage));
	tcase_add_loop_test(tc, bomb, 0, ARRAY_SIZE(both));
	tcase_add_loop_test(tc, window, 0, ARRAY_SIZE(window_cases));
	tcase_add_loop_test(tc, lies, 0, ARRAY_SIZE(zstd_lies));
	tcase_add_test(tc, none);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
