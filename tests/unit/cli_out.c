/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../src/out.h"
#include "unit.h"

#include <string.h>

static const struct out_field fields[] = {
	{ "Name", OUT_STR },  { "Size", OUT_UINT }, { "Here", OUT_BOOL },
	{ "List", OUT_LIST }, { "None", OUT_STR },  { NULL, OUT_END },
};
static const char *const items[] = { "a", "b\"" };
static const union out_value values[] = {
	{ .str = "n\\\xff" },     { .num = UINT64_MAX }, { .flag = true },
	{ .list = { items, 2 } }, { .str = NULL },
};

static const struct {
	const char *format, *want;
} formats[] = {
	{ "{{.Name}}", "n\\\xff\n" },
	{ "{{ .Size }}|{{.Here}}", "18446744073709551615|true\n" },
	{ "<{{.List}}>\\t<{{.None}}>", "<[a b\"]>\t<>\n" },
	{ "{{json .List}}{{json .None}}", "[\"a\",\"b\\\"\"]null\n" },
	{ "json", "{\"Name\":\"n\\\\\\ufffd\",\"Size\":18446744073709551615,\"Here\":true,"
		  "\"List\":[\"a\",\"b\\\"\"],\"None\":null}\n" },
	{ "{{json .}}", "{\"Name\":\"n\\\\\\ufffd\",\"Size\":18446744073709551615,\"Here\":true,"
			"\"List\":[\"a\",\"b\\\"\"],\"None\":null}\n" },
	{ "\\n\\\\\\x{}{{.Here}}}", "\n\\\\x{}true}\n" },
};

START_TEST(formats_print)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct firn_error err;

	ck_ok(out_check_format(formats[_i].format, fields, &err), err);
	out_result(f, formats[_i].format, fields, values);
	fclose(f);
	ck_assert_str_eq(text, formats[_i].want);
	free(text);
}
END_TEST

/* Rows of a table of their own, in a template too. */
START_TEST(rows)
{
	static const struct out_field inner[] = { { "A", OUT_STR },
						  { "B", OUT_LIST },
						  { NULL, OUT_END } };
	static const struct out_field outer[] = { { "Rows", OUT_ROWS },
						  { "Empty", OUT_ROWS },
						  { NULL, OUT_END } };
	const union out_value cells[] = {
		{ .str = "x" }, { .list = { items, 2 } }, { .str = NULL }, { .list = { NULL, 0 } }
	};
	const union out_value table[] = { { .rows = { inner, cells, 2 } },
					  { .rows = { inner, NULL, 0 } } };
	static const char want[] = "[{\"A\":\"x\",\"B\":[\"a\",\"b\\\"\"]},{\"A\":null,\"B\":[]}]";
	static const char *const each[] = { "{{.Rows}}{{.Empty}}",
					    "{{json .Rows}}{{json .Empty}}" };

	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		out_result(f, each[i], outer, table);
		fclose(f);
		ck_assert_msg(strncmp(text, want, strlen(want)) == 0, "%s", text);
		ck_assert_str_eq(text + strlen(want), "[]\n");
		free(text);
	}
}
END_TEST

static const struct {
	const char *format, *says;
} refused[] = {
	{ "", "neither json nor a template" },
	{ "table", "neither json nor a template" },
	{ "{{.Name", "{{ without }}" },
	{ "{{}}", "neither {{.Name}} nor" },
	{ "{{Name}}", "neither {{.Name}} nor" },
	{ "{{.name}}", "there is no .name, but .Name .Size .Here .List .None" },
	{ "{{.Names}}", "there is no .Names," },
	{ "{{.Name .Size}}", "neither {{.Name}} nor" },
	{ "{{range .List}}", "neither {{.Name}} nor" },
	{ "{{.Name}}{{json}}", "neither {{.Name}} nor" },
	{ "{{.Name}}{{json .Foo}}", "there is no .Foo" },
};

START_TEST(formats_refused)
{
	struct firn_error err = { 0 };

	ck_assert_int_eq(out_check_format(refused[_i].format, fields, &err), -FIRN_EINVAL);
	ck_assert_msg(strstr(err.msg, refused[_i].says) != NULL, "%s", err.msg);
}
END_TEST

static const struct {
	const char *text, *json, *safe;
} texts[] = {
	{ "", "\"\"", "" },
	{ "a/b", "\"a/b\"", "a/b" },
	{ "q\"b\\", "\"q\\\"b\\\\\"", "q\"b\\" },
	{ "\n\t\x1b[0m\x7f", "\"\\n\\u0009\\u001b[0m\\u007f\"", "\n\\x09\\x1b[0m\\x7f" },
	{ "\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xe2\x82\xac\xf0\x9f\x98\x80\"",
	  "\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "\xc2\x9b"
	  "0m",
	  "\"\xc2\x9b"
	  "0m\"",
	  "\\xc2\\x9b0m" }, /* C1 CSI */
	{ "\xff|\x80|\xc0\x80", "\"\\ufffd|\\ufffd|\\ufffd\\ufffd\"",
	  "\\xff|\\x80|\\xc0\\x80" },                                       /* overlong NUL */
	{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"", "\\xed\\xa0\\x80" }, /* surrogate */
	{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"", "\\xf4\\x90\\x80\\x80" },
	{ "\xe2\x82", "\"\\ufffd\\ufffd\"", "\\xe2\\x82" }, /* cut off */
};

START_TEST(text_is_escaped)
{
	char *json = NULL, *safe = NULL;
	size_t len;
	FILE *f = open_memstream(&json, &len);

	out_json_string(f, texts[_i].text);
	fclose(f);
	f = open_memstream(&safe, &len);
	out_safe(f, texts[_i].text);
	fclose(f);
	ck_assert_str_eq(json, texts[_i].json);
	ck_assert_str_eq(safe, texts[_i].safe);
	free(json);
	free(safe);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("out");
	TCase *tc = tcase_create("out");

	tcase_add_loop_test(tc, formats_print, 0, ARRAY_SIZE(formats));
	tcase_add_test(tc, rows);
	tcase_add_loop_test(tc, formats_refused, 0, ARRAY_SIZE(refused));
	tcase_add_loop_test(tc, text_is_escaped, 0, ARRAY_SIZE(texts));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
