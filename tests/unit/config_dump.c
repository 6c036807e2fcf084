/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "format/config_dump.h"

#include <string.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct config_edit image_edits[] = {
	{ CONFIG_IMAGE_NAME, HEX },
	{ CONFIG_IMAGE_ID, HEX },
};

static const struct {
	const char *name, *text, *want;
} edit_cases[] = {
	{ "both there", "{\"rootfsImageID\": \"a\", \"x\":1,\n \"rootfsImageName\":\"b\"}",
	  "{\"rootfsImageID\": \"" HEX "\", \"x\":1,\n \"rootfsImageName\":\"" HEX "\"}" },
	{ "other order, blanks", " {\t\"rootfsImageName\" :\n\"b\"  ,\"rootfsImageID\":\"\"}\n\n",
	  " {\t\"rootfsImageName\" :\n\"" HEX "\"  ,\"rootfsImageID\":\"" HEX "\"}\n\n" },
	{ "one absent", "{\"rootfsImageID\":\"a\"}",
	  "{\"rootfsImageName\":\"" HEX "\",\"rootfsImageID\":\"" HEX "\"}" },
	{ "both absent", "{ \"x\":{\"rootfsImageID\":\"inner\"}}",
	  "{\"rootfsImageName\":\"" HEX "\",\"rootfsImageID\":\"" HEX
	  "\", \"x\":{\"rootfsImageID\":\"inner\"}}" },
	{ "nothing at all", "{}",
	  "{\"rootfsImageName\":\"" HEX "\",\"rootfsImageID\":\"" HEX "\"}" },
	{ "other types", "{\"rootfsImageID\":null,\"rootfsImageName\":[1,{\"a\":\"}\"}]}",
	  "{\"rootfsImageID\":\"" HEX "\",\"rootfsImageName\":\"" HEX "\"}" },
	{ "escaped key", "{\"rootfsImage\\u0049D\":\"a\\\"\",\"rootfsImageName\":\"\\u00e4\"}",
	  "{\"rootfsImage\\u0049D\":\"" HEX "\",\"rootfsImageName\":\"" HEX "\"}" },
};

START_TEST(edit_and_undo)
{
	const char *text = edit_cases[_i].text;
	_buf_ struct buf out = BUF_INIT, undo = BUF_INIT, back = BUF_INIT;
	struct firn_error err = { 0 };
	int rc = config_dump_edit(text, strlen(text), image_edits, 2, &out, &undo, &err);

	ck_ok(rc, err);
	ck_assert_msg(strcmp((char *)out.data, edit_cases[_i].want) == 0, "%s: %s",
		      edit_cases[_i].name, (char *)out.data);
	ck_ok(config_dump_undo((char *)out.data, out.len, (char *)undo.data, &back, &err), err);
	ck_assert_str_eq((char *)back.data, text);
	ck_assert_uint_eq(back.len, strlen(text));
}
END_TEST

static const struct {
	const char *name, *text, *value;
	int rc;
} bad_edit_cases[] = {
	{ "array", "[]", HEX, -FIRN_ECORRUPT },
	{ "broken", "{\"a\":", HEX, -FIRN_ECORRUPT },
	{ "twice", "{\"rootfsImageID\":1,\"rootfsImageID\":2}", HEX, -FIRN_ECORRUPT },
	{ "quote in value", "{}", "a\"b", -FIRN_EINVAL },
	{ "control in value", "{}", "a\nb", -FIRN_EINVAL },
};

START_TEST(bad_edit)
{
	const struct config_edit e = { CONFIG_IMAGE_ID, bad_edit_cases[_i].value };
	_buf_ struct buf out = BUF_INIT, undo = BUF_INIT;
	struct firn_error err = { 0 };

	ck_assert_int_eq(config_dump_edit(bad_edit_cases[_i].text, strlen(bad_edit_cases[_i].text),
					  &e, 1, &out, &undo, &err),
			 bad_edit_cases[_i].rc);
	ck_assert_uint_eq(out.len + undo.len, 0);
}
END_TEST

static const char *const bad_undos[] = {
	"",
	"{}",
	"[1]",
	"[{\"at\":0,\"len\":1}]",
	"[{\"at\":0,\"len\":8,\"was\":\"\"}]",       /* beyond the end */
	"[{\"at\":18446744073709551615,\"len\":1}]", /* beyond everything */
	"[{\"at\":7,\"len\":1,\"was\":\"\"}]",
	"[{\"at\":-1,\"len\":1,\"was\":\"\"}]",
	"[{\"at\":2,\"len\":2,\"was\":\"\"},{\"at\":3,\"len\":1,\"was\":\"\"}]", /* overlap */
};

START_TEST(bad_undo)
{
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err = { 0 };

	ck_assert_int_eq(config_dump_undo("abcdef", 6, bad_undos[_i], &out, &err), -FIRN_ECORRUPT);
	ck_assert(err.msg[0]);
}
END_TEST

START_TEST(parse)
{
	static const char text[] = "{\"name\":\"c1\",\"rootfsImageID\":\"abc\",\"rootfsImageName\":"
				   "\"\",\"namedVolumes\":[{\"volumeName\":\"v1\"},{}]}";
	_cleanup_(config_dump_done) struct config_dump c = { 0 };
	struct firn_error err = { 0 };

	ck_ok(config_dump_parse(text, strlen(text), &c, &err), err);
	ck_assert_str_eq(c.name, "c1");
	ck_assert_str_eq(c.image_id, "abc");
	ck_assert_ptr_null(c.image_name); /* empty is as good as absent */
	ck_assert_ptr_null(c.runtime);
	ck_assert_str_eq(config_dump_volume(&c, 0), "v1");
	ck_assert_ptr_null(config_dump_volume(&c, 1));
	ck_assert_ptr_null(config_dump_volume(&c, 2));
}
END_TEST

static const char *const bad_documents[] = {
	"", "[]", "null", "{\"name\":1}", "{\"namedVolumes\":{}}", "{\"name\":\"a\\u0000b\"}",
};

START_TEST(bad_document)
{
	_cleanup_(config_dump_done) struct config_dump c = { 0 };
	struct firn_error err = { 0 };
	const char *text = bad_documents[_i];

	ck_assert_int_eq(config_dump_parse(text, strlen(text), &c, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_null(c.json);
}
END_TEST

static Suite *config_dump_suite(void)
{
	Suite *s = suite_create("config_dump");
	TCase *tc = tcase_create("config_dump");

	tcase_add_loop_test(tc, edit_and_undo, 0, ARRAY_SIZE(edit_cases));
	tcase_add_loop_test(tc, bad_edit, 0, ARRAY_SIZE(bad_edit_cases));
	tcase_add_loop_test(tc, bad_undo, 0, ARRAY_SIZE(bad_undos));
	tcase_add_test(tc, parse);
	tcase_add_loop_test(tc, bad_document, 0, ARRAY_SIZE(bad_documents));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(config_dump_suite)
