/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "bytes/base64.h"

#include <string.h>

/* RFC 4648 section 10, and what is none. */
static const struct {
	const char *text, *bytes; /* NULL: no base64 */
} cases[] = {
	{ "", "" },
	{ "Zg==", "f" },
	{ "Zm8=", "fo" },
	{ "Zm9v", "foo" },
	{ "Zm9vYg==", "foob" },
	{ "Zm9vYmE=", "fooba" },
	{ "Zm9vYmFy", "foobar" },
	{ "+/+/", "\xfb\xff\xbf" },
	{ "Zg", NULL },
	{ "Zg=", NULL },
	{ "Z===", NULL },
	{ "====", NULL },
	{ "Zh==", NULL },
	{ "Zm9=", NULL },
	{ "Zm9v\n", NULL },
	{ "Z-9v", NULL },
	{ "Zg==Zg==", NULL },
	{ "=Zg=", NULL },
};

START_TEST(decode)
{
	_buf_ struct buf out = BUF_INIT;
	const bool good = base64_decode(cases[_i].text, &out);

	ck_assert_int_eq(good, cases[_i].bytes != NULL);
	if (good) {
		ck_assert_uint_eq(out.len, strlen(cases[_i].bytes));
		ck_assert(!out.len || memcmp(out.data, cases[_i].bytes, out.len) == 0);
		buf_reset(&out);
		base64_encode(cases[_i].bytes, strlen(cases[_i].bytes), &out);
		ck_assert_str_eq(out.len ? (char *)out.data : "", cases[_i].text);
	}
}
END_TEST

static Suite *base64_suite(void)
{
	Suite *s = suite_create("base64");
	TCase *tc = tcase_create("base64");

	tcase_add_loop_test(tc, decode, 0, ARRAY_SIZE(cases));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(base64_suite)
