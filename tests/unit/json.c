/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/json.h"

#include "base/fd.h"
#include "unit.h"

#include <string.h>

static const struct {
	const char *name, *text;
	int rc;
	const char *says; /* part of the sentence */
} parse_cases[] = {
	{ "object", "{\"a\":1}", 0, "" },
	{ "array", " [1, 2] \n", 0, "" },
	{ "scalar", "null", 0, "" },
	{ "empty", "", -FIRN_ECORRUPT, "not JSON" },
	{ "blanks", " \n", -FIRN_ECORRUPT, "not JSON" },
	{ "trailing", "{} x", -FIRN_ECORRUPT, "line 1" },
	{ "two documents", "{}{}", -FIRN_ECORRUPT, "line 1" },
	{ "duplicate key", "{\"a\":1,\n\"a\":2}", -FIRN_ECORRUPT, "duplicate" },
	{ "duplicate key, escaped", "{\"a\":1,\"\\u0061\":2}", -FIRN_ECORRUPT, "duplicate" },
	{ "comment", "{/**/}", -FIRN_ECORRUPT, "not JSON" },
	{ "comma at the end", "[1,]", -FIRN_ECORRUPT, "not JSON" },
	{ "unclosed", "{\"a\":", -FIRN_ECORRUPT, "not JSON" },
	{ "unclosed string", "[\"a\\", -FIRN_ECORRUPT, "not JSON" },
	{ "single quotes", "{'a':1}", -FIRN_ECORRUPT, "not JSON" },
	{ "NaN", "[NaN]", -FIRN_ECORRUPT, "not JSON" },
	{ "above uint64", "[18446744073709551616]", -FIRN_ECORRUPT, "too big" },
	{ "number as a name", "{9223372036854775808 :1}", -FIRN_ECORRUPT, "not JSON" },
	{ "not UTF-8", "[\"\xff\"]", -FIRN_ECORRUPT, "decode byte 0xff" },
	{ "overlong UTF-8", "[\"\xc0\x80\"]", -FIRN_ECORRUPT, "decode byte 0xc0" },
	{ "lone surrogate", "[\"\\ud800\"]", -FIRN_ECORRUPT, "not JSON" },
	{ "escaped NUL", "[\"\\u0000\"]", -FIRN_ECORRUPT, "not JSON" },
	{ "control byte", "[\"\x01\"]", -FIRN_ECORRUPT, "not JSON" },
};

START_TEST(parse)
{
	struct firn_error err = { 0 };
	_json_ json_t *j = NULL;
	int rc = json_parse(parse_cases[_i].text, strlen(parse_cases[_i].text), &j, &err);

	ck_assert_msg(rc == parse_cases[_i].rc, "%s: %d %s", parse_cases[_i].name, rc, err.msg);
	ck_assert_msg(strstr(err.msg, parse_cases[_i].says), "%s: %s", parse_cases[_i].name,
		      err.msg);
	ck_assert((rc == 0) == (j != NULL));
	for (const char *c = err.msg; *c; c++)
		ck_assert_int_ge((unsigned char)*c, 0x20);
}
END_TEST

START_TEST(nul_byte)
{
	static const char text[] = "{\"a\":1}\0";
	struct firn_error err = { 0 };
	_json_ json_t *j = NULL;

	ck_assert_int_eq(json_parse(text, sizeof(text) - 1, &j, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_null(j);
}
END_TEST

static const struct {
	const char *name, *unit;
	size_t count;
	const char *says;
} limit_cases[] = {
	{ "depth of arrays", "[", 10000, "deeper than 512" },
	{ "depth of objects", "{\"a\":", 10000, "deeper than 512" },
	{ "objects", "{},", JSON_CONTAINERS_MAX + 1, "more than 131072 values" },
	{ "numbers", "1,", JSON_VALUES_MAX + 1, "more than 262144 values" },
};

START_TEST(limits)
{
	struct firn_error err = { 0 };
	_json_ json_t *j = NULL;
	_buf_ struct buf b = BUF_INIT;

	buf_puts(&b, "[");
	for (size_t i = 0; i < limit_cases[_i].count; i++)
		buf_puts(&b, limit_cases[_i].unit);
	ck_assert_int_eq(json_parse((char *)b.data, b.len, &j, &err), -FIRN_ELIMIT);
	ck_assert_msg(strstr(err.msg, limit_cases[_i].says), "%s", err.msg);
}
END_TEST

START_TEST(deepest_allowed)
{
	struct firn_error err = { 0 };
	_json_ json_t *j = NULL;
	_buf_ struct buf b = BUF_INIT;

	buf_fill(&b, '[', JSON_DEPTH_MAX);
	buf_fill(&b, ']', JSON_DEPTH_MAX);
	ck_ok(json_parse((char *)b.data, b.len, &j, &err), err);
}
END_TEST

/* Brackets and commas in strings are no values. */
START_TEST(limits_skip_strings)
{
	struct firn_error err = { 0 };
	_json_ json_t *j = NULL;
	_buf_ struct buf b = BUF_INIT;

	buf_puts(&b, "[\"\\\"");
	buf_fill(&b, '[', 2000);
	buf_puts(&b, "\\\\\"]");
	ck_ok(json_parse((char *)b.data, b.len, &j, &err), err);
}
END_TEST

static json_t *parsed(const char *text)
{
	struct firn_error err = { 0 };
	json_t *j = NULL;

	ck_ok(json_parse(text, strlen(text), &j, &err), err);
	return j;
}

static const char sample[] =
    "{\"s\":\"text\",\"n\":42,\"neg\":-1,\"f\":1.5,\"t\":true,\"null\":null,"
    "\"arr\":[1],\"obj\":{\"x\":1},\"max\":9223372036854775807}";

static const struct {
	const char *kind, *key;
	int rc;
	const char *says;
} get_cases[] = {
	{ "str", "s", 0, NULL },
	{ "str", "n", -FIRN_ECORRUPT, "\"n\": expected a string, found an integer" },
	{ "str", "none", -FIRN_ECORRUPT, "\"none\": is missing" },
	{ "str", "null", -FIRN_ECORRUPT, "\"null\": expected a string, found null" },
	{ "u64", "n", 0, NULL },
	{ "u64", "neg", -FIRN_ECORRUPT, "\"neg\": expected 0..100, found -1" },
	{ "u64", "max", -FIRN_ECORRUPT, "\"max\": expected 0..100, found 9223372036854775807" },
	{ "u64", "f", -FIRN_ECORRUPT, "\"f\": expected 0..100, found a fraction" },
	{ "u64", "s", -FIRN_ECORRUPT, "\"s\": expected 0..100, found a string" },
	{ "u64", "none", -FIRN_ECORRUPT, "\"none\": is missing" },
	{ "array", "arr", 0, NULL },
	{ "array", "obj", -FIRN_ECORRUPT, "\"obj\": expected an array, found an object" },
	{ "object", "obj", 0, NULL },
	{ "object", "t", -FIRN_ECORRUPT, "\"t\": expected an object, found a boolean" },
	{ "opt str", "s", 1, NULL },
	{ "opt str", "none", 0, NULL },
	{ "opt str", "null", 0, NULL },
	{ "opt str", "arr", -FIRN_ECORRUPT, "\"arr\": expected a string, found an array" },
	{ "opt bool", "t", 1, NULL },
	{ "opt bool", "none", 0, NULL },
	{ "opt bool", "null", 0, NULL },
	{ "opt bool", "n", -FIRN_ECORRUPT, "\"n\": expected a boolean, found an integer" },
	{ "opt array", "arr", 1, NULL },
	{ "opt array", "null", 0, NULL },
	{ "opt array", "s", -FIRN_ECORRUPT, "\"s\": expected an array, found a string" },
	{ "opt object", "obj", 1, NULL },
	{ "opt object", "none", 0, NULL },
	{ "opt object", "s", -FIRN_ECORRUPT, "\"s\": expected an object, found a string" },
};

struct got {
	const char *str;
	uint64_t u64;
	json_t *child;
	bool flag;
};

static int get(const char *kind, const json_t *j, const char *key, struct got *g,
	       struct firn_error *err)
{
	if (strcmp(kind, "str") == 0)
		return json_get_str(j, key, &g->str, err);
	if (strcmp(kind, "u64") == 0)
		return json_get_u64(j, key, 100, &g->u64, err);
	if (strcmp(kind, "array") == 0)
		return json_get_array(j, key, &g->child, err);
	if (strcmp(kind, "object") == 0)
		return json_get_object(j, key, &g->child, err);
	if (strcmp(kind, "opt str") == 0)
		return json_opt_str(j, key, &g->str, err);
	if (strcmp(kind, "opt bool") == 0)
		return json_opt_bool(j, key, &g->flag, err);
	if (strcmp(kind, "opt array") == 0)
		return json_opt_array(j, key, &g->child, err);
	ck_assert_str_eq(kind, "opt object");
	return json_opt_object(j, key, &g->child, err);
}

START_TEST(getters)
{
	_json_ json_t *j = parsed(sample), *other = json_array();
	const char *kind = get_cases[_i].kind, *key = get_cases[_i].key;
	struct got g = { "untouched", 7, other, false };
	struct firn_error err = { 0 };
	int rc = get(kind, j, key, &g, &err);

	ck_assert_msg(rc == get_cases[_i].rc, "%s %s: %s", kind, key, err.msg);
	if (rc < 0)
		ck_assert_str_eq(err.msg, get_cases[_i].says);
	if (rc < 0 || (strncmp(kind, "opt", 3) == 0 && rc == 0)) {
		ck_assert_str_eq(g.str, "untouched");
		ck_assert_uint_eq(g.u64, 7);
		ck_assert_ptr_eq(g.child, other);
		ck_assert(!g.flag);
	} else {
		ck_assert(strcmp(g.str, "text") == 0 || g.u64 == 42 || g.child != other || g.flag);
	}
	ck_assert_int_eq(get(kind, other, key, &g, &err), -FIRN_ECORRUPT);
	ck_assert_str_eq(err.msg, "expected an object, found an array");
}
END_TEST

START_TEST(print)
{
	_json_ json_t *j = parsed("{ \"b\": [1, 1.5, true, null, \"\\u00e9\\n/\"], \"a\": {} }");
	struct firn_error err = { 0 };
	_buf_ struct buf b = BUF_INIT;

	ck_ok(json_print(j, &b, &err), err);
	ck_assert_str_eq((char *)b.data, "{\"a\":{},\"b\":[1,1.5,true,null,\"\u00e9\\n/\"]}");
	buf_reset(&b);
	ck_ok(json_print_pretty(j, 1, &b, &err), err);
	ck_assert_str_eq((char *)b.data,
			 "{\n \"b\": [\n  1,\n  1.5,\n  true,\n  null,\n  \"\u00e9\\n/\"\n ],\n"
			 " \"a\": {}\n}\n");
}
END_TEST

START_TEST(put)
{
	_json_ json_t *j = json_object();
	struct firn_error err = { 0 };
	_buf_ struct buf b = BUF_INIT;

	ck_ok(json_put_str(j, "a", "1", &err), err);
	ck_ok(json_put_str(j, "a", "2", &err), err);
	ck_ok(json_put(j, "n", json_integer(3), &err), err);
	ck_assert_int_eq(json_put_str(j, "a", "\xff", &err), -FIRN_EINVAL);
	ck_assert_str_eq(err.msg, "\"a\": text is not UTF-8");
	ck_assert_int_eq(json_put(j, "n", NULL, &err), -FIRN_ENOMEM);
	ck_ok(json_print(j, &b, &err), err);
	ck_assert_str_eq((char *)b.data, "{\"a\":\"2\",\"n\":3}");
}
END_TEST

static const struct {
	const char *text, *key;
	int rc;
	const char *value;
} locate_cases[] = {
	{ "{\"a\":1,\"b\":2}", "a", 1, "1" },
	{ "{\"a\":1,\"b\":2}", "b", 1, "2" },
	{ "{\"a\":1,\"b\":2}", "c", 0, NULL },
	{ "{}", "a", 0, NULL },
	{ " \t\r\n{ \"a\" : \"x\" \n}", "a", 1, "\"x\"" },
	{ "{\"x\":{\"a\":1},\"a\" :\t{ \"b\" : [ ] } ,\"z\":0}", "a", 1, "{ \"b\" : [ ] }" },
	{ "{\"x\":[{\"a\":1},\"}\",\"]\"],\"a\":[1,2]}", "a", 1, "[1,2]" },
	{ "{\"x\":\"\\\"a\\\":1,\",\"a\":-1.5e3}", "a", 1, "-1.5e3" },
	{ "{\"x\":\"\\\\\",\"a\":true}", "a", 1, "true" },
	{ "{\"\\u0061\":null}", "a", 1, "null" },
	{ "{\"a\\\"b\":1}", "a\"b", 1, "1" },
	{ "{\"ab\":1,\"a\":2}", "a", 1, "2" },
	{ "{\"\":1}", "", 1, "1" },
	{ "[1]", "a", -FIRN_ECORRUPT, NULL },
	{ "", "a", -FIRN_ECORRUPT, NULL },
	/* Not documents: whatever is said, nothing is read outside them. */
	{ "{", "a", -FIRN_ECORRUPT, NULL },
	{ "{\"a", "a", -FIRN_ECORRUPT, NULL },
	{ "{\"a\"", "a", -FIRN_ECORRUPT, NULL },
	{ "{\"b\":1,", "a", -FIRN_ECORRUPT, NULL },
	{ "{\"b\\", "a", -FIRN_ECORRUPT, NULL },
};

START_TEST(locate)
{
	/* On the heap and without a NUL, so that valgrind and ASan see a read behind it. */
	const size_t len = strlen(locate_cases[_i].text);
	_free_ char *text = malloc(len + !len);
	struct firn_error err = { 0 };
	size_t at = 0, n = 0;
	int rc;

	memcpy(text, locate_cases[_i].text, len);
	rc = json_locate(text, len, locate_cases[_i].key, &at, &n, &err);
	ck_assert_msg(rc == locate_cases[_i].rc, "%s: %d", locate_cases[_i].text, rc);
	if (rc == 1) {
		ck_assert_uint_eq(n, strlen(locate_cases[_i].value));
		ck_assert_mem_eq(text + at, locate_cases[_i].value, n);
	}
}
END_TEST

/* Go's unsigned numbers come out as they went in; what is no number of 64 bits is no JSON for us.
 */
START_TEST(unsigned_numbers)
{
	static const char text[] = "{\"a\":18446744073709551615,\"b\":[9223372036854775808,-1],"
				   "\"c\":\"18446744073709551615\"}";
	static const char beyond[] = "[18446744073709551616]";
	struct firn_error err = { 0 };
	_buf_ struct buf out = BUF_INIT;
	_json_ json_t *j = NULL, *none = NULL;
	uint64_t u = 7;

	ck_ok(json_parse(text, strlen(text), &j, &err), err);
	ck_ok(json_print(j, &out, &err), err);
	ck_assert_str_eq((char *)out.data, text);
	ck_assert_int_eq(json_get_u64(j, "a", UINT64_MAX, &u, &err), -FIRN_ECORRUPT);
	ck_assert_uint_eq(u, 7);
	ck_assert_int_eq(json_parse(beyond, strlen(beyond), &none, &err), -FIRN_ECORRUPT);
}
END_TEST

/* A document's own text that looks like what stands for such a number is no number. */
START_TEST(no_unsigned_numbers)
{
	static const char text[] = "[\"\\u0001firn-number:007\",\"\\u0001firn-number:\","
				   "\"\\u0001firn-number:9223372036854775807\"]";
	struct firn_error err = { 0 };
	_buf_ struct buf out = BUF_INIT;
	_json_ json_t *j = NULL;

	ck_ok(json_parse(text, strlen(text), &j, &err), err);
	ck_ok(json_print(j, &out, &err), err);
	ck_assert_str_eq((char *)out.data, text);
}
END_TEST

/* Nor is it one when it looks just so: as a member's name it would make no JSON of the whole. */
START_TEST(no_marks_from_outside)
{
	static const char text[] = "{\"\\u0001\":\"\\u0001\","
				   "\"\\u0001\\u0001firn-number:9223372036854775808\":"
				   "\"\\u0001\\u0001firn-number:9223372036854775808\","
				   "\"\\u0001firn-number:9223372036854775808\":"
				   "\"\\u0001firn-number:9223372036854775808\","
				   "\"a\":9223372036854775808}";
	static const char spelled[] = "[\"\\u0001\\u0066irn-number:9223372036854775808\"]";
	struct firn_error err = { 0 };
	_buf_ struct buf out = BUF_INIT, other = BUF_INIT;
	_json_ json_t *j = NULL, *k = NULL;

	ck_ok(json_parse(text, strlen(text), &j, &err), err);
	ck_ok(json_print(j, &out, &err), err);
	ck_assert_str_eq((char *)out.data, text);
	ck_ok(json_parse(spelled, strlen(spelled), &k, &err), err);
	ck_ok(json_print(k, &other, &err), err);
	ck_assert_str_eq((char *)other.data, "[\"\\u0001firn-number:9223372036854775808\"]");
}
END_TEST

static const char *const printed[] = {
	"{\"a\":[1,{\"b\":2}],\"c\":{}}",      "{\"c\":{},\"a\":[1,{\"b\":2}]}",
	"{\"c\": {}, \"a\": [1, {\"b\": 2}]}", "{\"c\":{},\"a\":[1,{\"b\":2}]}\n",
	"{\n  \"c\": 1,\n  \"a\": 2\n}",       "{\n   \"c\": 1,\n   \"a\": 2\n}\n",
	"{\n    \"c\": 1,\n    \"a\": 2\n}",   "\"x\"",
};

START_TEST(print_like)
{
	struct firn_error err = { 0 };
	_buf_ struct buf out = BUF_INIT, other = BUF_INIT;
	_json_ json_t *j = NULL, *empty = json_object(), *small = json_pack("{s:i}", "z", 1);
	struct json_style style;

	ck_ok(json_parse(printed[_i], strlen(printed[_i]), &j, &err), err);
	ck_ok(json_style_of(printed[_i], strlen(printed[_i]), j, &style, &err), err);
	ck_ok(json_print_in(&style, j, &out, &err), err);
	ck_assert_str_eq((char *)out.data, printed[_i]);
	/* Nobody's way. */
	ck_ok(json_style_of("{ }", 3, empty, &style, &err), err);
	ck_ok(json_print_in(&style, small, &other, &err), err);
	ck_assert_str_eq((char *)other.data, "{\"z\":1}");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("json");
	TCase *tc = tcase_create("json");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(parse_cases));
	tcase_add_test(tc, nul_byte);
	tcase_add_loop_test(tc, limits, 0, ARRAY_SIZE(limit_cases));
	tcase_add_test(tc, deepest_allowed);
	tcase_add_test(tc, limits_skip_strings);
	tcase_add_loop_test(tc, getters, 0, ARRAY_SIZE(get_cases));
	tcase_add_test(tc, print);
	tcase_add_test(tc, put);
	tcase_add_loop_test(tc, locate, 0, ARRAY_SIZE(locate_cases));
	tcase_add_loop_test(tc, print_like, 0, ARRAY_SIZE(printed));
	tcase_add_test(tc, unsigned_numbers);
	tcase_add_test(tc, no_unsigned_numbers);
	tcase_add_test(tc, no_marks_from_outside);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
