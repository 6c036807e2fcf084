/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/buf.h"
#include "base/fd.h"
#include "bytes/json.h"
#include "bytes/value.h"

#include <string.h>

static int collect(const char *piece, size_t n, void *ctx)
{
	buf_put(ctx, piece, n);
	return 0;
}

static struct doc *new_doc(size_t max)
{
	struct firn_error err;
	struct doc *d = NULL;

	ck_ok(doc_new(max, &d, &err), err);
	return d;
}

static const struct {
	const char *bytes;
	size_t n;
	const char *json;
} texts[] = {
	{ "", 0, "\"\"" },
	{ "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
	{ "a\0b", 3, "\"a\\u0000b\"" },
	{ "\n\t\x7f", 3, "\"\\u000a\\u0009\\u007f\"" },
	{ "gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\"" },
	{ "\xff-\xc3", 3, "\"\\ufffd-\\ufffd\"" },
	{ "\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"" },
	{ "\xf0\x9f\x98\x80\xf4\x90\x80\x80", 8,
	  "\"\xf0\x9f\x98\x80\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	{ "\xe0\x80\x80\xc1\x81", 5, "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"" },
};

START_TEST(text)
{
	struct doc *d = new_doc(1 << 20);
	struct firn_value *list = doc_list(d);
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err;

	doc_add_bytes(d, list, NULL, texts[_i].bytes, texts[_i].n);
	ck_ok(doc_check(d, &err), err);
	ck_assert_uint_eq(firn_value_length(firn_value_first(list)), texts[_i].n);
	ck_assert_int_eq(firn_value_print(firn_value_first(list), 0, collect, &out), 0);
	ck_assert_str_eq((char *)out.data, texts[_i].json);
	doc_free(d);
}
END_TEST

static struct firn_value *sample(struct doc *d)
{
	struct firn_value *top = doc_object(d), *list, *inner;

	doc_add_text(d, top, "name", "c1");
	doc_add_text(d, top, "absent", NULL);
	doc_add_number(d, top, "size", UINT64_MAX);
	doc_add_signed(d, top, "adjust", -5);
	doc_add_bool(d, top, "own", true);
	doc_add_list(d, top, "none");
	list = doc_add_list(d, top, "list");
	doc_add_static(d, list, NULL, "x");
	inner = doc_add_object(d, list, NULL);
	doc_add_format(d, inner, doc_copy(d, "keyed", 3), "%d-%s", 7, "y");
	doc_add_object(d, list, NULL);
	return top;
}

START_TEST(printed)
{
	static const char *const want[] = {
		"{\"name\":\"c1\",\"size\":9223372036854775807,\"adjust\":-5,\"own\":true,"
		"\"none\":[],\"list\":[\"x\",{\"key\":\"7-y\"},{}]}",
		"{\n  \"name\": \"c1\",\n  \"size\": 9223372036854775807,\n  \"adjust\": -5,\n"
		"  \"own\": true,\n  \"none\": [],\n  \"list\": [\n    \"x\",\n    {\n"
		"      \"key\": \"7-y\"\n    },\n    {}\n  ]\n}",
	};
	struct doc *d = new_doc(1 << 20);
	struct firn_value *top = sample(d);
	struct firn_error err;

	ck_ok(doc_check(d, &err), err);
	for (int i = 0; i < 2; i++) {
		_buf_ struct buf out = BUF_INIT;
		_json_ json_t *parsed = NULL;

		ck_assert_int_eq(firn_value_print(top, 2 * i, collect, &out), 0);
		ck_assert_str_eq((char *)out.data, want[i]);
		ck_ok(json_parse((char *)out.data, out.len, &parsed, &err), err);
	}
	doc_free(d);
}
END_TEST

START_TEST(part_printed)
{
	struct doc *d = new_doc(1 << 20);
	struct firn_value *top = sample(d);
	_buf_ struct buf out = BUF_INIT;

	/* A member alone: neither its name nor what comes behind it. */
	ck_assert_int_eq(firn_value_print(firn_value_get(top, "list"), 0, collect, &out), 0);
	ck_assert_str_eq((char *)out.data, "[\"x\",{\"key\":\"7-y\"},{}]");
	buf_reset(&out);
	ck_assert_int_eq(firn_value_print(firn_value_get(top, "size"), 0, collect, &out), 0);
	ck_assert_str_eq((char *)out.data, "9223372036854775807");
	buf_reset(&out);
	ck_assert_int_eq(firn_value_print(NULL, 0, collect, &out), 0);
	ck_assert_str_eq((char *)out.data, "null");
	doc_free(d);
}
END_TEST

static int refuse(const char *piece, size_t n, void *ctx)
{
	(void)piece;
	(void)n;
	return --*(int *)ctx == 0 ? 42 : 0;
}

START_TEST(writer_fails)
{
	struct doc *d = new_doc(1 << 20);
	int left = 3;

	ck_assert_int_eq(firn_value_print(sample(d), 0, refuse, &left), 42);
	ck_assert_int_eq(left, 0);
	doc_free(d);
}
END_TEST

START_TEST(walked)
{
	struct doc *d = new_doc(1 << 20);
	const struct firn_value *top = sample(d), *list = firn_value_get(top, "list");
	const struct firn_value *x = firn_value_first(list);

	ck_assert_int_eq(firn_value_type(top), FIRN_VALUE_OBJECT);
	ck_assert_int_eq(firn_value_type(list), FIRN_VALUE_LIST);
	ck_assert_str_eq(firn_value_text(x), "x");
	ck_assert_ptr_null(firn_value_name(x));
	ck_assert_str_eq(firn_value_name(list), "list");
	ck_assert_str_eq(firn_value_text(firn_value_get(firn_value_next(x), "key")), "7-y");
	ck_assert_int_eq(firn_value_number(firn_value_get(top, "adjust")), -5);
	ck_assert_int_eq(firn_value_number(firn_value_get(top, "own")), 1);
	ck_assert_int_eq(firn_value_number(x), 0);
	ck_assert_ptr_null(firn_value_text(list));
	ck_assert_ptr_null(firn_value_get(top, "absent"));
	ck_assert_ptr_null(firn_value_get(firn_value_get(NULL, "a"), "b"));
	ck_assert_ptr_null(firn_value_first(x));
	ck_assert_ptr_null(firn_value_next(NULL));
	ck_assert_int_eq(firn_value_type(NULL), FIRN_VALUE_NONE);
	ck_assert_uint_eq(firn_value_length(NULL), 0);
	doc_free(d);
}
END_TEST

START_TEST(limited)
{
	struct doc *d = new_doc(256 << 10);
	struct firn_value *list = doc_list(d);
	struct firn_error err;

	for (int i = 0; i < 100000; i++)
		doc_add_text(d, list, NULL, "text");
	ck_assert_int_eq(doc_check(d, &err), -FIRN_ELIMIT);
	ck_assert(!doc_good(d));
	/* Whatever is done now does nothing. */
	ck_assert_ptr_null(doc_list(d));
	ck_assert_ptr_null(doc_add_object(d, NULL, "x"));
	ck_assert_ptr_null(doc_copy(d, "x", 1));
	doc_add(d, NULL, NULL, NULL);
	doc_free(d);

	d = new_doc(256 << 10);
	ck_assert_ptr_null(doc_copy(d, "", UINT32_MAX));
	doc_add_number(d, NULL, "n", 1);
	ck_ok(doc_check(d, &err), err);
	doc_free(d);
}
END_TEST

START_TEST(deep)
{
	struct doc *d = new_doc(16 << 20);
	struct firn_value *top = doc_list(d), *v = top;
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err;

	for (int i = 0; i < 100000; i++)
		v = doc_add_list(d, v, NULL);
	ck_ok(doc_check(d, &err), err);
	ck_assert_int_eq(firn_value_print(top, 0, collect, &out), 0);
	ck_assert_uint_eq(out.len, 200002);
	doc_free(d);
}
END_TEST

static Suite *value_suite(void)
{
	Suite *s = suite_create("value");
	TCase *t = tcase_create("value");

	tcase_add_loop_test(t, text, 0, ARRAY_SIZE(texts));
	tcase_add_test(t, printed);
	tcase_add_test(t, part_printed);
	tcase_add_test(t, writer_fails);
	tcase_add_test(t, walked);
	tcase_add_test(t, limited);
	tcase_add_test(t, deep);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(value_suite)
