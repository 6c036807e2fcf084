/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/library.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define CALLS(X) X(strtol) X(strlen)
#define GONE(X)  X(strtol) X(library_load)

/* The C library is there wherever this runs. */
#define FILE_HERE "libc.so.6"

START_TEST(loads)
{
	static const char *const names[] = { CALLS(LIBRARY_NAME) };
	struct {
		CALLS(LIBRARY_SLOT)
	} c = { 0 };
	struct firn_error err = { 0 };

	ck_assert_int_eq(library_load(FILE_HERE, names, 2, &c, &err), 0);
	ck_assert_int_eq(c.strtol("42", NULL, 10), 42);
	ck_assert_uint_eq(c.strlen("four"), 4);
}
END_TEST

START_TEST(tells_what_is_missing)
{
	static const char *const names[] = { GONE(LIBRARY_NAME) };
	struct {
		GONE(LIBRARY_SLOT)
	} c;
	struct firn_error err = { 0 };

	ck_assert_int_eq(library_load(FILE_HERE, names, 2, &c, &err), -FIRN_EUNSUPP);
	ck_assert_str_eq(err.msg, FILE_HERE " has no library_load");
	ck_assert_int_eq(library_load("libfirn-none.so.1", names, 2, &c, &err), -FIRN_EUNSUPP);
	ck_assert_ptr_nonnull(strstr(err.msg, "libfirn-none.so.1"));
	ck_assert_int_eq(library_load(FILE_HERE, names, 2, &c, NULL), -FIRN_EUNSUPP);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("library");
	TCase *tc = tcase_create("library");

	tcase_add_test(tc, loads);
	tcase_add_test(tc, tells_what_is_missing);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
