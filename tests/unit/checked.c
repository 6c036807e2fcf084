/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read is what was there at the beginning. */
#include "unit.h"

#include "base/fd.h"
#include "bytes/checked.h"

#include <string.h>

#define BYTES (5 * CHECKED_PIECE + 1000)

/* Memory that changes, and gets shorter. */
struct changing {
	struct source base;
	uint8_t *bytes;
	size_t n;
};

static ssize_t changing_pread(struct source *src, void *buf, size_t n, uint64_t at,
			      struct firn_error *err)
{
	const struct changing *c = (const struct changing *)src;

	(void)err;
	if (at >= c->n)
		return 0;
	if (n > c->n - at)
		n = c->n - (size_t)at;
	memcpy(buf, c->bytes + at, n);
	return (ssize_t)n;
}

static void changing_close(struct source *src)
{
	struct changing *c = (struct changing *)src;

	free(c->bytes);
	free(c);
}

static struct changing *changing_new(size_t n)
{
	static const struct source_ops ops = { changing_pread, changing_close };
	struct changing *c = calloc(1, sizeof(*c));

	ck_assert_ptr_nonnull(c);
	c->base = (struct source){ &ops, n };
	c->n = n;
	c->bytes = malloc(n + 1);
	ck_assert_ptr_nonnull(c->bytes);
	for (size_t i = 0; i < n; i++)
		c->bytes[i] = (uint8_t)(i * 31 + i / 251);
	return c;
}

static struct source *open_checked(struct changing *c)
{
	struct firn_error err = { 0 };
	struct source *src = NULL;

	ck_ok(checked_open(&c->base, NULL, NULL, NULL, &src, &err), err);
	return src;
}

static const struct {
	const char *what;
	uint64_t change, at; /* a byte, and what is read */
	size_t n;
	int rc;
} cases[] = {
	{ "nothing changed there", 3 * CHECKED_PIECE, 0, 2 * CHECKED_PIECE, 2 * CHECKED_PIECE },
	{ "the byte itself", 100, 100, 1, -FIRN_ECORRUPT },
	{ "another byte of its piece", 100, 5000, 1, -FIRN_ECORRUPT },
	{ "up to its piece", CHECKED_PIECE, 0, CHECKED_PIECE, CHECKED_PIECE },
	{ "into its piece", CHECKED_PIECE, 0, CHECKED_PIECE + 1, -FIRN_ECORRUPT },
	{ "the last byte", BYTES - 1, BYTES - 10, 100, -FIRN_ECORRUPT },
	{ "beyond the end", 0, BYTES, 10, 0 },
	{ "over the end", 0, BYTES - 10, 100, 10 },
};

START_TEST(changed)
{
	struct changing *c = changing_new(BYTES);
	_cleanup_(source_closep) struct source *src = open_checked(c);
	_free_ uint8_t *got = malloc(BYTES), *was = malloc(BYTES);
	struct firn_error err = { 0 };

	memcpy(was, c->bytes, BYTES);
	c->bytes[cases[_i].change] ^= 1;
	ck_assert_msg(source_pread(src, got, cases[_i].n, cases[_i].at, &err) == cases[_i].rc,
		      "%s: %s", cases[_i].what, err.msg);
	if (cases[_i].rc > 0)
		ck_assert_mem_eq(got, was + cases[_i].at, (size_t)cases[_i].rc);
}
END_TEST

/* Here and there, again and again: pieces that are kept are the right ones. */
START_TEST(everywhere)
{
	struct changing *c = changing_new(BYTES);
	_cleanup_(source_closep) struct source *src = open_checked(c);
	struct firn_error err = { 0 };
	uint64_t at = 1;
	uint8_t got[300];

	for (int i = 0; i < 2000; i++) {
		const size_t left = BYTES - (size_t)at;
		const size_t n = left < sizeof(got) ? left : sizeof(got);

		ck_assert_int_eq(source_pread(src, got, sizeof(got), at, &err), (int)n);
		ck_assert_mem_eq(got, c->bytes + at, n);
		at = (at * 48271 + 11) % BYTES;
	}
}
END_TEST

START_TEST(cut)
{
	struct changing *c = changing_new(BYTES);
	_cleanup_(source_closep) struct source *src = open_checked(c);
	struct firn_error err = { 0 };
	uint8_t byte;

	c->n = 2 * CHECKED_PIECE + 5;
	ck_assert_int_eq(source_pread(src, &byte, 1, 0, &err), 1);
	ck_assert_int_eq(source_pread(src, &byte, 1, 2 * CHECKED_PIECE, &err), -FIRN_ECORRUPT);
	ck_assert_int_eq(source_pread(src, &byte, 1, 4 * CHECKED_PIECE, &err), -FIRN_ECORRUPT);
}
END_TEST

static void count(void *ctx, uint64_t done, uint64_t total)
{
	uint64_t *last = ctx;

	ck_assert_uint_gt(done, *last);
	ck_assert_uint_eq(total, BYTES);
	*last = done;
}

START_TEST(proven)
{
	_cleanup_(source_closep) struct source *src = NULL;
	struct changing *c = changing_new(BYTES);
	struct firn_error err = { 0 };
	struct digest want;
	uint64_t told = 0;

	ck_ok(digest_of(c->bytes, BYTES, &want, &err), err);
	c->bytes[7] ^= 1;
	ck_assert_int_eq(checked_open(&c->base, &want, NULL, NULL, &src, &err), -FIRN_ECORRUPT);
	c->bytes[7] ^= 1;
	c->n--;
	ck_assert_int_eq(checked_open(&c->base, &want, NULL, NULL, &src, &err), -FIRN_ECORRUPT);
	c->n++;
	ck_ok(checked_open(&c->base, &want, count, &told, &src, &err), err);
	ck_assert_uint_eq(told, BYTES);
}
END_TEST

START_TEST(empty)
{
	struct changing *c = changing_new(0);
	_cleanup_(source_closep) struct source *src = open_checked(c);
	struct firn_error err = { 0 };
	uint8_t byte;

	ck_assert_uint_eq(src->size, 0);
	ck_assert_int_eq(source_pread(src, &byte, 1, 0, &err), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("checked");
	TCase *t = tcase_create("checked");

	tcase_add_loop_test(t, changed, 0, ARRAY_SIZE(cases));
	tcase_add_test(t, everywhere);
	tcase_add_test(t, cut);
	tcase_add_test(t, proven);
	tcase_add_test(t, empty);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
