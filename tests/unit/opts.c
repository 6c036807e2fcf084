/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/opts.h"

#include <string.h>

struct opts {
	size_t size;
	unsigned flags;
	const char *text;
};

/* What a later header may add. */
struct longer {
	struct opts known;
	long more;
};

START_TEST(sizes)
{
	struct longer given = { .known = { .flags = 5, .text = "x" } };
	struct firn_error err = { 0 };
	struct opts o;

	ck_ok(opts_take(NULL, &o, sizeof(o), &err), err);
	ck_assert(o.size == sizeof(o) && o.flags == 0 && !o.text);

	given.known.size = sizeof(given.known);
	ck_ok(opts_take(&given, &o, sizeof(o), &err), err);
	ck_assert(o.size == sizeof(o) && o.flags == 5);
	ck_assert_str_eq(o.text, "x");

	given.known.size = offsetof(struct opts, text);
	ck_ok(opts_take(&given, &o, sizeof(o), &err), err);
	ck_assert(o.size == sizeof(o) && o.flags == 5 && !o.text);

	given.known.size = sizeof(given);
	ck_ok(opts_take(&given, &o, sizeof(o), &err), err);
	given.more = 1L << 40;
	ck_assert_int_eq(opts_take(&given, &o, sizeof(o), &err), -FIRN_EUNSUPP);

	given.known.size = sizeof(size_t) - 1;
	ck_assert_int_eq(opts_take(&given, &o, sizeof(o), &err), -FIRN_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "size isn't set"));
}
END_TEST

START_TEST(flags)
{
	struct firn_error err = { 0 };

	ck_ok(opts_check_flags(0, 6, &err), err);
	ck_ok(opts_check_flags(6, 6, &err), err);
	ck_assert_int_eq(opts_check_flags(15, 6, &err), -FIRN_EINVAL);
	ck_assert_str_eq(err.msg, "unknown flags 0x9");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("opts");
	TCase *t = tcase_create("opts");

	tcase_add_test(t, sizes);
	tcase_add_test(t, flags);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
