/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sentences that grow at both ends, and don't outgrow their place. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

static void long_sentence(struct firn_error *err, const char *piece)
{
	(void)firn_fail(err, FIRN_EFAIL, "x");
	while (strlen(err->msg) + strlen(piece) < sizeof(err->msg))
		strcat(err->msg, piece);
}

START_TEST(append)
{
	struct firn_error err = { 0 };

	(void)firn_fail(&err, FIRN_ECORRUPT, "bad");
	ck_assert_int_eq(firn_append(&err, -FIRN_ECORRUPT, "%s is %d", "it", 5), -FIRN_ECORRUPT);
	ck_assert_str_eq(err.msg, "bad; it is 5");
	ck_assert_int_eq(firn_append(&err, 3, "no"), 3);
	ck_assert_str_eq(err.msg, "bad; it is 5");
	ck_assert_int_eq(firn_append(NULL, -FIRN_EFAIL, "no"), -FIRN_EFAIL);
}
END_TEST

/* What comes last is whole, and no character of what stands before is cut in two. */
START_TEST(append_to_much)
{
	static const char *const pieces[] = { "y", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\xa7" };
	struct firn_error err = { 0 };
	const char *dots;

	long_sentence(&err, pieces[_i]);
	(void)firn_append(&err, -FIRN_EFAIL, "the end");
	ck_assert_uint_lt(strlen(err.msg), sizeof(err.msg));
	dots = strstr(err.msg, "...; the end");
	ck_assert_ptr_nonnull(dots);
	ck_assert_str_eq(dots, "...; the end");
	ck_assert_uint_eq((size_t)(dots - err.msg - 1) % strlen(pieces[_i]), 0);
	ck_assert_uint_gt(strlen(err.msg), sizeof(err.msg) - 8);
}
END_TEST

START_TEST(append_much)
{
	struct firn_error err = { 0 };
	char more[600];

	memset(more, 'z', sizeof(more) - 1);
	more[sizeof(more) - 1] = '\0';
	long_sentence(&err, "y");
	(void)firn_append(&err, -FIRN_EFAIL, "%s", more);
	ck_assert_ptr_nonnull(strstr(err.msg, "y...; zzz"));
	ck_assert_uint_lt(strlen(err.msg), sizeof(err.msg));
}
END_TEST

/* A name that the failure has already isn't said twice; one that only begins alike is. */
START_TEST(wrap)
{
	static const struct {
		const char *inner, *name, *want;
	} cases[] = {
		{ "bad", "a", "a: bad" },
		{ "a: bad", "a", "a: bad" },
		{ "a: bad", "b", "b: a: bad" },
		{ "ab: bad", "a", "a: ab: bad" },
		{ "a:bad", "a", "a: a:bad" },
		{ "a", "a", "a: a" },
		{ "b: a: bad", "a", "a: b: a: bad" },
	};
	struct firn_error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)firn_fail(&err, FIRN_ECORRUPT, "%s", cases[i].inner);
		ck_assert_int_eq(firn_wrap(&err, -FIRN_ECORRUPT, "%s", cases[i].name),
				 -FIRN_ECORRUPT);
		ck_assert_str_eq(err.msg, cases[i].want);
	}
	long_sentence(&err, "y");
	ck_assert_int_eq(firn_wrap(&err, -FIRN_EFAIL, "%s", err.msg), -FIRN_EFAIL);
	ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("error");
	TCase *tc = tcase_create("error");

	tcase_add_test(tc, append);
	tcase_add_loop_test(tc, append_to_much, 0, 4);
	tcase_add_test(tc, append_much);
	tcase_add_test(tc, wrap);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
