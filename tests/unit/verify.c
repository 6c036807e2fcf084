/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes with a digest, and compressed ones read by offset. */
#include "bytes/verify.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "bytes/sink.h"
#include "unit.h"

#include <string.h>

static const struct {
	const char *name, *bytes;
	uint64_t size;
	int rc;
	const char *says;
} cases[] = {
	{ "right", "hello", 5, 0, NULL },
	{ "of any size", "hello", VERIFY_ANY_SIZE, 0, NULL },
	{ "other bytes", "hellp", 5, -FIRN_ECORRUPT, "its content is sha256:" },
	{ "too short", "hell", 5, -FIRN_ECORRUPT, "ends after 4 of 5 bytes" },
	{ "too long", "hello!", 5, -FIRN_ECORRUPT, "has more than 5 bytes" },
	{ "nothing", "", 5, -FIRN_ECORRUPT, "ends after 0 of 5 bytes" },
	{ "other bytes of any size", "hello!", VERIFY_ANY_SIZE, -FIRN_ECORRUPT, "its content is" },
};

START_TEST(reader)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	struct istream *plain = NULL;
	struct firn_error err = { 0 }, again = { 0 };
	struct digest want;
	_free_ char *text = NULL;
	size_t len = 0;
	char rest;
	int rc;

	ck_ok(digest_of("hello", 5, &want, &err), err);
	ck_ok(istream_from_mem(cases[_i].bytes, strlen(cases[_i].bytes), &plain, &err), err);
	ck_ok(verify_reader(plain, &want, cases[_i].size, &in, &err), err);
	rc = istream_read_all(in, 100, &text, &len, &err);
	ck_assert_msg(rc == cases[_i].rc, "%s: %d %s", cases[_i].name, rc, err.msg);
	ck_assert_int_eq(istream_read(in, &rest, 1, &again), rc);
	if (rc == 0)
		ck_assert_str_eq(text, "hello");
	else
		ck_assert_msg(strstr(err.msg, cases[_i].says) && !strcmp(err.msg, again.msg),
			      "%s: %s", err.msg, again.msg);
}
END_TEST

START_TEST(source)
{
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };
	struct digest want;

	ck_ok(digest_of("hello", 5, &want, &err), err);
	ck_ok(source_from_mem(_i ? "hellp" : "hello", 5, &src, &err), err);
	ck_assert_int_eq(verify_source(src, &want, &err), _i ? -FIRN_ECORRUPT : 0);
}
END_TEST

#define MANY (1u << 20)

/* 1 MiB of numbers, as @c packs them. */
static void make_packed(enum codec c, struct buf *plain, struct buf *packed)
{
	_cleanup_(sink_closep) struct sink *out = NULL, *packer = NULL;
	struct firn_error err = { 0 };

	for (unsigned i = 0; plain->len < MANY; i++)
		buf_printf(plain, "%u\n", i);
	plain->len = MANY;
	ck_ok(sink_from_buf(packed, &out, &err), err);
	ck_ok(codec_writer(c, out, &packer, &err), err);
	ck_ok(sink_write(packer, plain->data, plain->len, &err), err);
	ck_ok(sink_finish(packer, &err), err);
}

/* Forwards, backwards, over the borders of the pieces, at the end and behind it. */
static const struct {
	uint64_t at;
	size_t len, got;
} reads[] = {
	{ 0, 10, 10 },   { 262140, 10, 10 },  { 262143, 600000, 600000 },
	{ 5, 100, 100 }, { MANY - 3, 10, 3 }, { 700000, 1, 1 },
	{ MANY, 10, 0 }, { 0, MANY, MANY },
};

START_TEST(packed_source)
{
	const enum codec c = _i ? CODEC_ZSTD : CODEC_GZIP;
	_buf_ struct buf plain = BUF_INIT, packed = BUF_INIT;
	_cleanup_(source_closep) struct source *src = NULL;
	struct source *below = NULL;
	_free_ char *got = malloc(MANY);
	struct firn_error err = { 0 };
	struct digest want;

	make_packed(c, &plain, &packed);
	ck_ok(digest_of(plain.data, plain.len, &want, &err), err);
	ck_ok(source_from_mem(packed.data, packed.len, &below, &err), err);
	ck_ok(codec_source(c, below, 0, &want, &src, &err), err);
	ck_assert_uint_eq(src->size, MANY);
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		const ssize_t n = source_pread(src, got, reads[i].len, reads[i].at, &err);

		ck_assert_msg(n == (ssize_t)reads[i].got, "%zu: %zd %s", i, n, err.msg);
		ck_assert_mem_eq(got, plain.data + reads[i].at, reads[i].got);
	}
}
END_TEST

enum { CUT, WRONG_DIGEST, TOO_LARGE };

START_TEST(bad_packed_source)
{
	_buf_ struct buf plain = BUF_INIT, packed = BUF_INIT;
	struct source *below = NULL, *src = NULL;
	struct firn_error err = { 0 };
	struct digest want;

	make_packed(CODEC_GZIP, &plain, &packed);
	ck_ok(digest_of("x", 1, &want, &err), err);
	ck_ok(source_from_mem(packed.data, packed.len - (_i == CUT), &below, &err), err);
	ck_assert_int_eq(codec_source(CODEC_GZIP, below, _i == TOO_LARGE ? MANY - 1 : 0,
				      _i == WRONG_DIGEST ? &want : NULL, &src, &err),
			 _i == TOO_LARGE ? -FIRN_ELIMIT : -FIRN_ECORRUPT);
	ck_assert_ptr_null(src);
}
END_TEST

START_TEST(believed)
{
	ck_assert_uint_eq(codec_believed(0), 1ull << 30);
	ck_assert_uint_eq(codec_believed(1ull << 30), 200ull << 30);
	ck_assert_uint_eq(codec_believed(UINT64_MAX / 2), UINT64_MAX);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("verify");
	TCase *tc = tcase_create("verify");

	tcase_add_loop_test(tc, reader, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(tc, source, 0, 2);
	tcase_add_loop_test(tc, packed_source, 0, 2);
	tcase_add_loop_test(tc, bad_packed_source, CUT, TOO_LARGE + 1);
	tcase_add_test(tc, believed);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
