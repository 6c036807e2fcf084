/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "format/whiteout.h"

static const struct {
	const char *path;
	int rc;
	const char *means;
} cases[] = {
	{ "a", WHITEOUT_NONE, NULL },
	{ "a/b.wh.c", WHITEOUT_NONE, NULL },
	{ "", WHITEOUT_NONE, NULL },
	{ ".wh", WHITEOUT_NONE, NULL },
	{ ".wh.a", WHITEOUT_HIDES, "a" },
	{ "d/e/.wh.a b", WHITEOUT_HIDES, "d/e/a b" },
	{ ".wh....", WHITEOUT_HIDES, "..." },
	{ ".wh..wh..opq", WHITEOUT_ALL, "" },
	{ "d/e/.wh..wh..opq", WHITEOUT_ALL, "d/e" },
	{ ".wh.", -FIRN_ECORRUPT, NULL },
	{ "d/.wh..", -FIRN_ECORRUPT, NULL },
	{ "d/.wh...", -FIRN_ECORRUPT, NULL },
	{ ".wh..wh.plnk", -FIRN_ECORRUPT, NULL },
	{ ".wh..wh..opq/x", -FIRN_ECORRUPT, NULL },
	{ "d/.wh.a/x", -FIRN_ECORRUPT, NULL },
};

START_TEST(parse)
{
	_free_ char *means = NULL;
	struct firn_error err = { 0 };
	const int rc = whiteout_parse(cases[_i].path, &means, &err);

	ck_assert_msg(rc == cases[_i].rc, "%s: %d %s", cases[_i].path, rc, err.msg);
	ck_assert_pstr_eq(means, cases[_i].means);
	ck_assert_int_eq(whiteout_parse(cases[_i].path, NULL, &err), cases[_i].rc);
}
END_TEST

static Suite *whiteout_suite(void)
{
	Suite *s = suite_create("whiteout");
	TCase *tc = tcase_create("whiteout");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(cases));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(whiteout_suite)
