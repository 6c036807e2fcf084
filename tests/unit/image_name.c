/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/image_name.h"

#include "unit.h"

#include <string.h>

#define A16  "aaaaaaaaaaaaaaaa"
#define A128 A16 A16 A16 A16 A16 A16 A16 A16

static const struct {
	const char *text;
	const char *tag;  /* from its colon on; NULL: it is no name */
	const char *says; /* for one that isn't */
} cases[] = {
	{ "x", "", NULL },
	{ "x:1", ":1", NULL },
	{ "a/b/c:latest", ":latest", NULL },
	{ "localhost/x:1", ":1", NULL },
	{ "localhost:5000/x", "", NULL },
	{ "reg.example/a/x:v1.2-rc_3", ":v1.2-rc_3", NULL },
	{ "reg.example:5000/x:1", ":1", NULL },
	{ "REG/x:1", ":1", NULL },
	{ "10.0.0.1:80/x", "", NULL },
	{ "[fe80::1]:5000/x:1", ":1", NULL },
	{ "[::1]/x", "", NULL },
	{ "a__b/c---d/e.f_g", "", NULL },
	{ "x:_", ":_", NULL },
	{ "x:" A128, ":" A128, NULL },
	{ A128 A16 A16, "", NULL },
	{ "", NULL, "path" },
	{ ":1", NULL, "path" },
	{ "/x", NULL, "path" },
	{ "x/", NULL, "path" },
	{ "a//b", NULL, "path" },
	{ "X", NULL, "path" },
	{ "reg.example/X:1", NULL, "path" },
	{ "a/B", NULL, "path" },
	{ "a___b", NULL, "path" },
	{ "a..b/c", NULL, "host" },
	{ "-a", NULL, "path" },
	{ "a-", NULL, "path" },
	{ "a b", NULL, "path" },
	{ "a\"b", NULL, "path" },
	{ "a\\b", NULL, "path" },
	{ "caf\xc3\xa9", NULL, "path" },
	{ "x:", NULL, "tag" },
	{ "x:.1", NULL, "tag" },
	{ "x:-1", NULL, "tag" },
	{ "x:a b", NULL, "tag" },
	{ "x:" A128 "b", NULL, "tag" },
	{ A128 A128, NULL, "too long" },
	{ "x@sha256:00", NULL, "NAME:TAG" },
	{ ".example/x", NULL, "host" },
	{ "reg.example:/x", NULL, "host" },
	{ "reg.example:80a/x", NULL, "host" },
	{ "reg_x.example/x", NULL, "host" },
	{ "-reg.example/x", NULL, "host" },
	{ "[::1/x", NULL, "host" },
	{ "[]/x", NULL, "host" },
	{ "[::1]5/x", NULL, "host" },
};

START_TEST(parse)
{
	struct firn_error err = { 0 };
	const char *text = cases[_i].text;
	size_t tag = 0;
	int rc = image_name_parse(text, &tag, &err);

	if (!cases[_i].tag) {
		ck_assert_msg(rc == -FIRN_EINVAL && strstr(err.msg, cases[_i].says), "%s: %d %s",
			      text, rc, err.msg);
		return;
	}
	ck_assert_msg(rc == 0, "%s: %s", text, err.msg);
	ck_assert_str_eq(text + tag, cases[_i].tag);
}
END_TEST

START_TEST(places)
{
	static const char *const are[] = { "oci:/srv/l:r",     "oci-archive:x.tar",
					   "docker://reg/x",   "dir:x",
					   "docker-archive:x", "containers-storage:x" };
	static const char *const are_not[] = { "x", "oci", "oci:", "reg:5000/x", "ocix:/a" };

	for (size_t i = 0; i < ARRAY_SIZE(are); i++)
		ck_assert_msg(image_name_is_place(are[i]), "%s", are[i]);
	for (size_t i = 0; i < ARRAY_SIZE(are_not); i++)
		ck_assert_msg(!image_name_is_place(are_not[i]), "%s", are_not[i]);
}
END_TEST

static Suite *image_name_suite(void)
{
	Suite *s = suite_create("image_name");
	TCase *t = tcase_create("image_name");

	tcase_add_loop_test(t, parse, 0, ARRAY_SIZE(cases));
	tcase_add_test(t, places);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(image_name_suite)
