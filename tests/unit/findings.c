/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "verify/findings.h"

#include <stdio.h>
#include <string.h>

static struct findings *new_findings(void)
{
	struct firn_error err;
	struct findings *f = NULL;

	ck_ok(findings_new(&f, &err), err);
	return f;
}

/* The @i-th finding's member @name. */
static const char *member(const struct firn_value *list, size_t i, const char *name)
{
	const struct firn_value *v = firn_value_first(list);

	while (v && i--)
		v = firn_value_next(v);
	return firn_value_text(firn_value_get(v, name));
}

START_TEST(places)
{
	_cleanup_(findings_freep) struct findings *f = new_findings();
	const struct firn_value *list;
	struct firn_error err;

	findings_add(f, FINDING_FAULT, "index.json", "not-json", "ends in byte %d", 7);
	findings_within(f, "container c1");
	findings_add(f, FINDING_WARNING, "config.dump", "no-name", "has no name");
	findings_add(f, FINDING_NOTE, "", "no-log", "has no log");
	findings_within(f, NULL);
	findings_add(f, FINDING_NOTE, "blobs", "orphan", "is nobody's");
	ck_ok(findings_check(f, &err), err);
	ck_assert_uint_eq(findings_count(f, FINDING_FAULT), 1);
	ck_assert_uint_eq(findings_count(f, FINDING_WARNING), 1);
	ck_assert_uint_eq(findings_count(f, FINDING_NOTE), 2);
	list = findings_value(f);
	ck_assert_str_eq(member(list, 0, "level"), "fault");
	ck_assert_str_eq(member(list, 0, "place"), "index.json");
	ck_assert_str_eq(member(list, 0, "code"), "not-json");
	ck_assert_str_eq(member(list, 0, "text"), "ends in byte 7");
	ck_assert_str_eq(member(list, 1, "level"), "warning");
	ck_assert_str_eq(member(list, 1, "place"), "container c1: config.dump");
	ck_assert_str_eq(member(list, 2, "place"), "container c1");
	ck_assert_str_eq(member(list, 3, "place"), "blobs");
	ck_assert_ptr_null(member(list, 4, "place"));
}
END_TEST

START_TEST(many)
{
	static const char *const codes[] = { "one", "other" };
	_cleanup_(findings_freep) struct findings *f = new_findings();
	const struct firn_value *list;
	struct firn_error err;
	char where[32];

	for (int i = 0; i < 1000000; i++) {
		snprintf(where, sizeof(where), "entry %d", i);
		findings_add(f, FINDING_FAULT, where, codes[0], "is wrong");
	}
	findings_add(f, FINDING_WARNING, "", codes[0], "is odd");
	findings_add(f, FINDING_FAULT, "end", codes[1], "is missing");
	ck_ok(findings_check(f, &err), err);
	ck_assert_uint_eq(findings_count(f, FINDING_FAULT), 1000001);
	list = findings_value(f);
	ck_assert_str_eq(member(list, 99, "place"), "entry 99");
	ck_assert_str_eq(member(list, 100, "level"), "warning");
	ck_assert_str_eq(member(list, 101, "place"), "end");
	ck_assert_str_eq(member(list, 102, "level"), "fault");
	ck_assert_str_eq(member(list, 102, "code"), "one");
	ck_assert_str_eq(member(list, 102, "text"), "and 999900 more of these");
	ck_assert_ptr_null(member(list, 103, "text"));
}
END_TEST

/* As much of everything as there can be still fits. */
START_TEST(most)
{
	_cleanup_(findings_freep) struct findings *f = new_findings();
	char codes[FINDINGS_CODES_MAX + 1][8], place[2048];
	struct firn_error err;

	memset(place, 'x', sizeof(place) - 1);
	place[sizeof(place) - 1] = '\0';
	findings_within(f, place);
	for (int i = 0; i < FINDINGS_CODES_MAX; i++)
		snprintf(codes[i], sizeof(codes[i]), "c%d", i);
	for (int i = 0; i < 2 * FINDINGS_EACH_MAX; i++)
		for (int k = 0; k < FINDINGS_CODES_MAX; k++)
			findings_add(f, FINDING_FAULT, place, codes[k], "%s", place);
	findings_value(f);
	ck_ok(findings_check(f, &err), err);
	findings_add(f, FINDING_FAULT, place, "more", "%s", place);
	ck_assert_int_eq(findings_check(f, &err), -FIRN_ELIMIT);
}
END_TEST

static const struct {
	int code, rc;
	const char *level, *word;
} errors[] = {
	{ FIRN_ECORRUPT, 1, "fault", "broken" },
	{ FIRN_EINVAL, 1, "fault", "broken" },
	{ FIRN_ELIMIT, 1, "fault", "broken" },
	{ FIRN_ENOTFOUND, 1, "fault", "broken" },
	{ FIRN_EMISMATCH, 1, "fault", "broken" },
	{ FIRN_EFAIL, 1, "fault", "unreadable" },
	{ FIRN_EUNSUPP, 1, "warning", "not-understood" },
	{ FIRN_OK, 0, NULL, NULL },
	{ FIRN_ENOMEM, -FIRN_ENOMEM, NULL, NULL },
};

START_TEST(take)
{
	_cleanup_(findings_freep) struct findings *f = new_findings();
	struct firn_error e = { 0 }, err = { 0 };
	const struct firn_value *list;
	int rc = errors[_i].code ? firn_fail(&e, errors[_i].code, "is bad") : 0;

	ck_assert_int_eq(findings_take(f, "x", "broken", rc, &e, &err), errors[_i].rc);
	ck_assert_int_eq(err.code, errors[_i].rc < 0 ? errors[_i].code : 0);
	list = findings_value(f);
	ck_assert_pstr_eq(member(list, 0, "level"), errors[_i].level);
	ck_assert_pstr_eq(member(list, 0, "code"), errors[_i].word);
	ck_assert_pstr_eq(member(list, 0, "text"), errors[_i].level ? "is bad" : NULL);
}
END_TEST

static Suite *findings_suite(void)
{
	Suite *s = suite_create("findings");
	TCase *tc = tcase_create("findings");

	tcase_add_test(tc, places);
	tcase_add_test(tc, many);
	tcase_add_test(tc, most);
	tcase_add_loop_test(tc, take, 0, ARRAY_SIZE(errors));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(findings_suite)
