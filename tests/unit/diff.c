/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "diff/items.h"
#include "diff/section.h"

#include <stdio.h>
#include <string.h>

static struct doc *new_doc(size_t max)
{
	struct firn_error err;
	struct doc *d = NULL;

	ck_ok(doc_new(max, &d, &err), err);
	return d;
}

/* Keys of both sides as "NUMBER NAME", and how they are paired: "=" both, "<" A's, ">" B's. */
static const struct {
	const char *a[6], *b[6], *pairs;
} merges[] = {
	{ { NULL }, { NULL }, "" },
	{ { "1 x" }, { NULL }, "<1 x;" },
	{ { NULL }, { "1 x" }, ">1 x;" },
	{ { "1 x", "2 y" }, { "2 y", "1 x" }, "=1 x;=2 y;" },
	{ { "-1 x", "10 x" }, { "9 x", "10 x" }, "<-1 x;>9 x;=10 x;" },
	{ { "1 b", "1 a" }, { "1 c", "1 b" }, "<1 a;=1 b;>1 c;" },
	{ { "1 x", "1 x", "1 x" }, { "1 x", "1 x" }, "=1 x;=1 x;<1 x;" },
	{ { "1 " }, { "1 x" }, "<1 ;>1 x;" },
};

static void take_pair(const struct firn_value *a, const struct firn_value *b, void *ctx)
{
	char *text = ctx;
	const size_t used = strlen(text);

	if (a && b)
		ck_assert_str_eq(firn_value_text(a), firn_value_text(b));
	snprintf(text + used, 256 - used, "%s%s;",
		 a && b ? "="
		 : a    ? "<"
			: ">",
		 firn_value_text(a ? a : b));
}

static void load(struct doc *d, const char *const keys[6], struct diff_items *ret)
{
	struct firn_value *list = doc_list(d);
	const struct firn_value *v;
	struct firn_error err;

	for (size_t k = 0; k < 6 && keys[k]; k++)
		doc_add_text(d, list, NULL, keys[k]);
	for (v = firn_value_first(list); v; v = firn_value_next(v)) {
		const char *text = firn_value_text(v);

		ck_ok(diff_items_add(ret, strtoll(text, NULL, 10), strchr(text, ' ') + 1, v, &err),
		      err);
	}
	diff_items_sort(ret);
}

START_TEST(merge)
{
	_cleanup_(diff_items_done) struct diff_items a = { 0 }, b = { 0 };
	_cleanup_(doc_freep) struct doc *d = new_doc(1 << 20);
	char pairs[256] = "";

	load(d, merges[_i].a, &a);
	load(d, merges[_i].b, &b);
	diff_items_merge(&a, &b, take_pair, pairs);
	ck_assert_str_eq(pairs, merges[_i].pairs);
}
END_TEST

START_TEST(find)
{
	static const char *const keys[6] = { "7 b", "3 x", "7 a", "1 x" };
	static const struct {
		int64_t number;
		const char *found;
	} finds[] = { { 0, NULL }, { 1, "1 x" }, { 2, NULL }, { 7, "7 a" }, { 8, NULL } };
	_cleanup_(diff_items_done) struct diff_items items = { 0 };
	_cleanup_(doc_freep) struct doc *d = new_doc(1 << 20);

	load(d, keys, &items);
	for (size_t k = 0; k < ARRAY_SIZE(finds); k++) {
		const struct firn_value *v = diff_items_find(&items, finds[k].number);

		ck_assert_int_eq(v != NULL, finds[k].found != NULL);
		if (v)
			ck_assert_str_eq(firn_value_text(v), finds[k].found);
	}
}
END_TEST

enum kind { NONE, TEXT, NUMBER, TRUTH, LIST };

/* A member of an object, and whether fields with and without FIELD_IF_KNOWN differ. */
static const struct {
	enum kind a_kind;
	const char *a;
	enum kind b_kind;
	const char *b;
	bool differs, differs_if_known;
} comparisons[] = {
	{ NONE, NULL, NONE, NULL, false, false },   { NONE, NULL, TEXT, "x", true, false },
	{ TEXT, "x", NONE, NULL, true, false },     { TEXT, "", TEXT, "x", true, false },
	{ TEXT, "x", TEXT, "x", false, false },     { TEXT, "x", TEXT, "xy", true, true },
	{ NUMBER, "1", NUMBER, "1", false, false }, { NUMBER, "1", NUMBER, "2", true, true },
	{ NUMBER, "0", NONE, NULL, true, false },   { NUMBER, "1", TEXT, "1", true, true },
	{ TRUTH, "1", TRUTH, "1", false, false },   { TRUTH, "1", TRUTH, "0", true, true },
	{ TRUTH, "1", NUMBER, "1", true, true },    { LIST, "ab", LIST, "ab", false, false },
	{ LIST, "ab", LIST, "abc", true, true },    { LIST, "abc", LIST, "ab", true, true },
	{ LIST, "ab", LIST, "ac", true, true },     { LIST, "", LIST, "", false, false },
};

static struct firn_value *object_with(struct doc *d, enum kind kind, const char *text)
{
	struct firn_value *v = doc_object(d), *in = doc_add_object(d, v, "in"), *list;

	if (kind == TEXT)
		doc_add_text(d, in, "field", text);
	else if (kind == NUMBER)
		doc_add_number(d, in, "field", strtoul(text, NULL, 10));
	else if (kind == TRUTH)
		doc_add_bool(d, in, "field", *text == '1');
	if (kind != LIST)
		return v;
	list = doc_add_list(d, in, "field");
	for (; *text; text++)
		doc_add_bytes(d, list, NULL, text, 1);
	return v;
}

START_TEST(fields)
{
	_cleanup_(doc_freep) struct doc *d = new_doc(1 << 20);
	const struct field plain = { "in", "field", "shown", 0 };
	const struct field if_known = { "in", "field", NULL, FIELD_IF_KNOWN };
	struct teller t = { .doc = d, .top = doc_object(d) };
	const struct firn_value *a = object_with(d, comparisons[_i].a_kind, comparisons[_i].a);
	const struct firn_value *b = object_with(d, comparisons[_i].b_kind, comparisons[_i].b);
	const struct firn_value *list, *change;
	struct firn_error err;

	ck_assert_uint_eq(fields_differ(&plain, 1, a, b), comparisons[_i].differs);
	ck_assert_uint_eq(fields_differ(&if_known, 1, a, b), comparisons[_i].differs_if_known);
	fields_tell(&t, t.top, "changes", &plain, 1, a, b);
	ck_ok(doc_check(d, &err), err);
	list = firn_value_get(t.top, "changes");
	change = firn_value_first(list);
	ck_assert_int_eq(change != NULL, comparisons[_i].differs);
	if (!change)
		return;
	ck_assert_str_eq(firn_value_text(firn_value_get(change, "field")), "shown");
	ck_assert(values_equal(firn_value_get(change, "a"), field_of(&plain, a)));
	ck_assert(values_equal(firn_value_get(change, "b"), field_of(&plain, b)));
}
END_TEST

START_TEST(limited)
{
	_cleanup_(doc_freep) struct doc *d = new_doc(TELLER_DOC_MAX);
	struct teller t = { .doc = d, .top = doc_object(d) };
	struct section s = section_begin(&t, "section");
	_free_ char *long_text = calloc(1, 65536);
	struct firn_value *v, *value = doc_list(d);
	const struct firn_value *told;
	struct firn_error err;
	int64_t entries = 0;

	memset(long_text, 'x', 65535);
	doc_add_text(d, value, NULL, long_text);
	/* Many times as much as there is room for, with values that go over it alone. */
	for (unsigned k = 0; k < 10000; k++) {
		v = section_entry(&s, k % 2 ? CHANGE_NEW : CHANGE_GONE);
		teller_copy(&t, v, "text", firn_value_first(value));
	}
	s.equal = 3;
	told = section_end(&s);
	ck_ok(doc_check(d, &err), err);
	ck_assert(t.differs);
	for (const struct firn_value *e = firn_value_first(firn_value_get(told, "entries")); e;
	     e = firn_value_next(e))
		entries++;
	ck_assert_int_gt(entries, 100);
	ck_assert_int_lt(entries, 113);
	ck_assert_int_eq(firn_value_number(firn_value_get(told, "left_off")), 10000 - entries);
	ck_assert_int_eq(firn_value_number(firn_value_get(told, "new")), 5000);
	ck_assert_int_eq(firn_value_number(firn_value_get(told, "gone")), 5000);
	ck_assert_int_eq(firn_value_number(firn_value_get(told, "equal")), 3);
}
END_TEST

START_TEST(nothing_differs)
{
	_cleanup_(doc_freep) struct doc *d = new_doc(1 << 20);
	struct teller t = { .doc = d, .top = doc_object(d) };
	struct section s = section_begin(&t, "section");

	s.equal = 1;
	section_end(&s);
	ck_assert(!t.differs);
	ck_assert_ptr_null(firn_value_get(firn_value_get(t.top, "section"), "entries"));
	ck_assert_ptr_null(firn_value_get(firn_value_get(t.top, "section"), "left_off"));
}
END_TEST

static Suite *diff_suite(void)
{
	Suite *s = suite_create("diff");
	TCase *tc = tcase_create("diff");

	tcase_add_loop_test(tc, merge, 0, ARRAY_SIZE(merges));
	tcase_add_test(tc, find);
	tcase_add_loop_test(tc, fields, 0, ARRAY_SIZE(comparisons));
	tcase_add_test(tc, limited);
	tcase_add_test(tc, nothing_differs);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(diff_suite)
