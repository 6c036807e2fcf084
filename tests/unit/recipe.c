/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/recipe.h"

#include "base/fd.h"
#include "unit.h"

#include <string.h>

/* An archive as a script: "b:TEXT" bytes, "z:N" zeros, "p:N:PATH" payload. */
struct step {
	const char *bytes;
	uint64_t zeros;
	const char *path;
	uint64_t size;
};

#define STEPS_MAX 8

static const struct {
	const char *name;
	struct step steps[STEPS_MAX];
} cases[] = {
	{ "nothing", { { 0 } } },
	{ "bytes", { { .bytes = "header" } } },
	{ "few zeros", { { .bytes = "a" }, { .zeros = 23 }, { .bytes = "b" } } },
	{ "enough zeros", { { .bytes = "a" }, { .zeros = 24 }, { .bytes = "b" } } },
	{ "zeros at both ends", { { .zeros = 5000 }, { .bytes = "b" }, { .zeros = 10240 } } },
	{ "few zeros at the end", { { .bytes = "a" }, { .zeros = 3 } } },
	{ "a payload", { { .path = "checkpoint/pages-1.img", .size = 1ull << 40 } } },
	{ "an archive",
	  { { .bytes = "one" },
	    { .zeros = 500 },
	    { .path = "config.dump", .size = 12 },
	    { .zeros = 500 },
	    { .bytes = "two" },
	    { .path = "a/b", .size = 1 },
	    { .zeros = 1024 } } },
};

/* Feed @steps, bytes in pieces of @piece. */
static void write_steps(const struct step *steps, size_t piece, struct recipe_writer *w)
{
	struct firn_error err = { 0 };

	for (const struct step *s = steps;
	     s < steps + STEPS_MAX && (s->bytes || s->zeros || s->path); s++) {
		const size_t n = s->bytes ? strlen(s->bytes) : (size_t)s->zeros;
		_free_ char *bytes = calloc(1, n + 1);

		if (s->path) {
			ck_ok(recipe_payload(w, s->path, s->size, &err), err);
			continue;
		}
		if (s->bytes)
			memcpy(bytes, s->bytes, n);
		for (size_t at = 0; at < n; at += piece) {
			const size_t now = n - at < piece ? n - at : piece;

			ck_ok(recipe_bytes(w, bytes + at, now, &err), err);
		}
	}
}

static void make(const struct step *steps, const char *packing, size_t piece, struct buf *ret)
{
	_cleanup_(recipe_freep) struct recipe_writer *w = NULL;
	struct firn_error err = { 0 };

	ck_ok(recipe_new(packing, &w, &err), err);
	write_steps(steps, piece, w);
	ck_ok(recipe_finish(w, ret, &err), err);
}

/* What the script stands for: bytes as they are, "<PATH SIZE>" for a payload. */
static void expect(const struct step *steps, struct buf *ret, uint64_t *ret_size)
{
	*ret_size = 0;
	for (const struct step *s = steps;
	     s < steps + STEPS_MAX && (s->bytes || s->zeros || s->path); s++) {
		if (s->path) {
			buf_printf(ret, "<%s %llu>", s->path, (unsigned long long)s->size);
			*ret_size += s->size;
		} else if (s->bytes) {
			buf_puts(ret, s->bytes);
			*ret_size += strlen(s->bytes);
		} else {
			buf_fill(ret, 0, (size_t)s->zeros);
			*ret_size += s->zeros;
		}
	}
}

/* Reads all of it; the last piece's code. */
static int read_all(const void *bytes, size_t n, struct buf *ret, uint64_t *ret_size,
		    const char **ret_packing, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(recipe_closep) struct recipe_reader *r = NULL;
	struct recipe_piece p = { 0 };
	int rc;

	ck_ok(istream_from_mem(bytes, n, &in, err), *err);
	rc = recipe_open(in, &r, err);
	if (rc < 0)
		return rc;
	*ret_size = recipe_size(r);
	*ret_packing = recipe_packing(r);
	while ((rc = recipe_next(r, &p, err)) > 0) {
		ck_assert(p.size > 0);
		if (p.bytes)
			buf_put(ret, p.bytes, (size_t)p.size);
		else
			buf_printf(ret, "<%s %llu>", p.path, (unsigned long long)p.size);
	}
	return rc;
}

START_TEST(there_and_back)
{
	_buf_ struct buf recipe = BUF_INIT, want = BUF_INIT, got = BUF_INIT;
	uint64_t size = 0, want_size = 0;
	struct firn_error err = { 0 };
	const char *packing = NULL;

	make(cases[_i].steps, "gzip", 512, &recipe);
	expect(cases[_i].steps, &want, &want_size);
	ck_ok(read_all(recipe.data, recipe.len, &got, &size, &packing, &err), err);
	ck_assert_str_eq(packing, "gzip");
	ck_assert_uint_eq(size, want_size);
	ck_assert_msg(got.len == want.len, "%s: %zu bytes, not %zu", cases[_i].name, got.len,
		      want.len);
	if (want.len)
		ck_assert_mem_eq(got.data, want.data, want.len);
}
END_TEST

/* The pieces in which the archive was read leave no trace. */
START_TEST(reproducible)
{
	static const size_t pieces[] = { 1, 7, 512, 65536 };
	_buf_ struct buf first = BUF_INIT;

	make(cases[_i].steps, "none", 1 << 20, &first);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		_buf_ struct buf again = BUF_INIT;

		make(cases[_i].steps, "none", pieces[i], &again);
		ck_assert_uint_eq(again.len, first.len);
		ck_assert_mem_eq(again.data, first.data, first.len);
	}
}
END_TEST

/* A tar header of 512 bytes is mostly zeros, and they cost next to nothing. */
START_TEST(small)
{
	_cleanup_(recipe_freep) struct recipe_writer *w = NULL;
	_buf_ struct buf recipe = BUF_INIT;
	uint8_t header[512] = "checkpoint/core-1.img";
	struct firn_error err = { 0 };

	memcpy(header + 100, "0000644\0000000000\0000000000\00000000004111\00014700000000", 47);
	memcpy(header + 257, "ustar\00000", 8);
	ck_ok(recipe_new("none", &w, &err), err);
	for (size_t i = 0; i < 1000; i++) {
		ck_ok(recipe_bytes(w, header, sizeof(header), &err), err);
		ck_ok(recipe_payload(w, "checkpoint/core-1.img", 2121, &err), err);
	}
	ck_ok(recipe_finish(w, &recipe, &err), err);
	ck_assert_uint_lt(recipe.len, 200 * 1000);
}
END_TEST

START_TEST(limits)
{
	_cleanup_(recipe_freep) struct recipe_writer *w = NULL, *full = NULL;
	char path[5000];
	static uint8_t junk[1 << 20];
	struct firn_error err = { 0 };
	int rc = 0;

	ck_assert_int_eq(recipe_new("lzip", &w, &err), -FIRN_EINVAL);
	ck_ok(recipe_new("none", &w, &err), err);
	ck_assert_int_eq(recipe_payload(w, "", 1, &err), -FIRN_EINVAL);
	ck_assert_int_eq(recipe_payload(w, "a", 0, &err), -FIRN_EINVAL);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(recipe_payload(w, path, 1, &err), -FIRN_EINVAL);
	ck_ok(recipe_payload(w, "a", RECIPE_PAYLOADS_MAX, &err), err);
	ck_assert_int_eq(recipe_payload(w, "b", 1, &err), -FIRN_ELIMIT);

	ck_ok(recipe_new("none", &full, &err), err);
	memset(junk, 'x', sizeof(junk));
	for (size_t i = 0; rc == 0 && i < 64; i++)
		rc = recipe_bytes(full, junk, sizeof(junk), &err);
	ck_assert_int_eq(rc, -FIRN_ELIMIT);
}
END_TEST

/* The recipe of "an archive" with bytes changed, or cut. */
static const struct {
	const char *name;
	size_t at;
	const char *bytes;
	size_t n;
	int rc;
} bad_cases[] = {
	{ "another version", 12, "2", 1, -FIRN_ECORRUPT },
	{ "an unknown packing", 16, "lz4\0", 4, -FIRN_ECORRUPT },
	{ "bytes behind the packing", 23, "x", 1, -FIRN_ECORRUPT },
	{ "more bytes than there are", 24, "\xff", 1, -FIRN_ECORRUPT },
	{ "no bytes at all", 24, "\0\0", 2, -FIRN_ECORRUPT },
	{ "headers without end", 31, "\x7f", 1, -FIRN_ELIMIT },
	{ "payloads without end", 39, "\x7f", 1, -FIRN_ELIMIT },
	{ "an unknown record", 40, "X", 1, -FIRN_ECORRUPT },
	{ "a record of no bytes", 41, "\0\0\0\0", 4, -FIRN_ECORRUPT },
	{ "a record of too many", 41, "\xff\xff\xff\xff", 4, -FIRN_ECORRUPT },
	{ "zeros without end", 49, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, -FIRN_ECORRUPT },
	{ "a long name", 58, "\xff\xff", 2, -FIRN_ELIMIT },
	{ "an empty name", 58, "\0\0", 2, -FIRN_ECORRUPT },
	{ "a NUL in a name", 62, "\0", 1, -FIRN_ECORRUPT },
	{ "a name that leaves", 60, "../", 3, -FIRN_ECORRUPT },
	{ "a name that isn't plain", 60, "./", 2, -FIRN_ECORRUPT },
	{ "a payload of no bytes", 71, "\0", 1, -FIRN_ECORRUPT },
	{ "a payload of too many", 72, "\xff", 1, -FIRN_ECORRUPT },
};

START_TEST(bad)
{
	_buf_ struct buf recipe = BUF_INIT, got = BUF_INIT;
	struct firn_error err = { 0 };
	const char *packing = NULL;
	uint64_t size = 0;
	int rc;

	make(cases[ARRAY_SIZE(cases) - 1].steps, "none", 512, &recipe);
	ck_assert_uint_lt(bad_cases[_i].at + bad_cases[_i].n, recipe.len);
	memcpy(recipe.data + bad_cases[_i].at, bad_cases[_i].bytes, bad_cases[_i].n);
	rc = read_all(recipe.data, recipe.len, &got, &size, &packing, &err);
	ck_assert_msg(rc == bad_cases[_i].rc, "%s: %d %s", bad_cases[_i].name, rc, err.msg);
}
END_TEST

START_TEST(cut)
{
	_buf_ struct buf recipe = BUF_INIT;
	struct firn_error err = { 0 };
	const char *packing = NULL;
	uint64_t size = 0;

	make(cases[ARRAY_SIZE(cases) - 1].steps, "none", 512, &recipe);
	for (size_t n = 0; n < recipe.len; n++) {
		_buf_ struct buf got = BUF_INIT;

		ck_assert_int_eq(read_all(recipe.data, n, &got, &size, &packing, &err),
				 -FIRN_ECORRUPT);
	}
	buf_puts(&recipe, "B");
	{
		_buf_ struct buf got = BUF_INIT;

		ck_assert_int_eq(read_all(recipe.data, recipe.len, &got, &size, &packing, &err),
				 -FIRN_ECORRUPT);
	}
}
END_TEST

static Suite *recipe_suite(void)
{
	Suite *s = suite_create("recipe");
	TCase *t = tcase_create("recipe");

	tcase_add_loop_test(t, there_and_back, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(t, reproducible, 0, ARRAY_SIZE(cases));
	tcase_add_test(t, small);
	tcase_add_test(t, limits);
	tcase_add_loop_test(t, bad, 0, ARRAY_SIZE(bad_cases));
	tcase_add_test(t, cut);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(recipe_suite)
