/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is looked for in memory; expressions at random are compared with regexec(3). */
#include "unit.h"

#include "base/buf.h"
#include "base/fd.h"
#include "memory/pattern.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#define REGEX PATTERN_REGEX
#define CASE  PATTERN_IGNORE_CASE

static const struct {
	unsigned flags;
	const char *text, *bytes;
	size_t n;
	const char *found; /* "start-end start-end", one behind the other */
} cases[] = {
	{ 0, "abc", "xxabcabc", 8, "2-5 5-8" },
	{ 0, "a.c", "abca.c", 6, "3-6" },
	{ 0, "aa", "aaaaa", 5, "0-2 2-4" },
	{ 0, "Abc", "abcAbc", 6, "3-6" },
	{ CASE, "aBc1", "ABC1abc1", 8, "0-4 4-8" },
	{ 0, "zz", "abc", 3, "" },
	{ REGEX, "abcd|bc", "xabcd", 5, "1-5" }, /* further left, though it ends later */
	{ REGEX, "a|ab|abc", "abcx", 4, "0-3" }, /* the longest */
	{ REGEX, "a+", "xaaay", 5, "1-4" },
	{ REGEX, "a.b", "a\0b a\nb axb", 11, "8-11" },
	{ REGEX, "a[^x]b", "a\0b ayb", 7, "4-7" },
	{ REGEX, "a\\x00b", "xa\0b", 4, "1-4" },
	{ REGEX, "[\\x00-\\x02]+", "z\0\1\2\3", 5, "1-4" },
	{ REGEX, "\\d{3,4}-\\w+", "12-x 12345-ab_9!", 16, "6-15" },
	{ REGEX, "[[:upper:]][[:alpha:]]*", "x Hello wORLD", 13, "2-7 9-13" },
	{ REGEX | CASE, "[^a-y]+", "aBzZc", 5, "2-4" },
	{ REGEX, "[]x]+[^]]", "a]x]b]", 6, "1-5" },
	{ REGEX, "[a-]+", "b-a-b", 5, "1-4" },
	{ REGEX, "(ab){2}c?", "ababab ababc", 12, "0-4 7-12" },
	{ REGEX, "(a|b)*c", "xabbac", 6, "1-6" },
	{ REGEX, "a{0}b", "aab", 3, "2-3" },
	{ REGEX, "((a{0}){255}){255}b", "aab", 3, "2-3" },
	{ REGEX, "a)b", "a)b", 3, "0-3" }, /* as POSIX has it */
	{ REGEX, "\\.\\*\\n\\t", ".*\n\t", 4, "0-4" },
	{ REGEX, "\\S+\\s\\D", "ab 1x y", 7, "3-7" },
	{ REGEX, "\xc3\xa4+", "x\xc3\xa4\xa4", 4, "1-4" },
	{ REGEX, "[\\]\\\\]+", "a]\\b", 4, "1-3" },
	{ REGEX, "(x*a)+", "xxaxaa", 6, "0-6" },
};

static void find_all(struct pattern *p, const void *bytes, size_t n, struct buf *ret)
{
	size_t start, end, from = 0;

	buf_puts(ret, "");
	while (pattern_find(p, bytes, n, from, &start, &end)) {
		ck_assert(start >= from && end > start && end <= n);
		buf_printf(ret, "%s%zu-%zu", ret->len ? " " : "", start, end);
		from = end;
	}
}

START_TEST(test_find)
{
	_cleanup_(pattern_freep) struct pattern *p = NULL;
	_buf_ struct buf found = BUF_INIT;
	struct firn_error err = { 0 };

	ck_ok(pattern_new(cases[_i].text, strlen(cases[_i].text), cases[_i].flags, &p, &err), err);
	find_all(p, cases[_i].bytes, cases[_i].n, &found);
	ck_assert_str_eq(found.data ? (char *)found.data : "", cases[_i].found);
}
END_TEST

static const struct {
	const char *text, *sentence;
} refused[] = {
	{ "", "nothing to search for" },
	{ "a**b|", "byte 6: there is nothing" },
	{ "(a", "a parenthesis is open" },
	{ "()", "byte 2: there is nothing" },
	{ "[a", "a bracket is open" },
	{ "[]", "a bracket is open" },
	{ "[b-a]", "a range goes down" },
	{ "[[:foo:]]", "no such class" },
	{ "[[:d:]]", "no such class" },
	{ "[[.a.]]", "no such class" },
	{ "*a", "nothing to repeat" },
	{ "a{2", "{m}" },
	{ "a{3,2}", "{m}" },
	{ "a{256}", "{m}" },
	{ "a{,2}", "{m}" },
	{ "a\\", "nothing behind the backslash" },
	{ "\\x0", "two hexadecimal digits" },
	{ "\\xg0", "two hexadecimal digits" },
	{ "(a)\\1", "no such escape" },
	{ "\\b", "no such escape" },
	{ "^a", "^ and $" },
	{ "a$", "^ and $" },
	{ "a*", "where there is nothing" },
	{ "a?|b", "where there is nothing" },
	{ "(a{255}){255}", "more than 4096 states" },
};

START_TEST(test_refused)
{
	struct firn_error err = { 0 };
	struct pattern *p = NULL;
	int rc = pattern_new(refused[_i].text, strlen(refused[_i].text), PATTERN_REGEX, &p, &err);

	ck_assert(rc == -FIRN_EINVAL || rc == -FIRN_ELIMIT);
	ck_assert_msg(strstr(err.msg, refused[_i].sentence), "%s", err.msg);
}
END_TEST

START_TEST(test_limits)
{
	_cleanup_(pattern_freep) struct pattern *p = NULL;
	char text[PATTERN_TEXT_MAX + 2];
	struct firn_error err = { 0 };

	memset(text, '(', sizeof(text));
	ck_assert_int_eq(pattern_new(text, 1000, PATTERN_REGEX, &p, &err), -FIRN_EINVAL);
	ck_assert_msg(strstr(err.msg, "too many groups"), "%s", err.msg);
	memset(text, 'a', sizeof(text));
	ck_assert_int_eq(pattern_new(text, sizeof(text), 0, &p, &err), -FIRN_ELIMIT);
	ck_ok(pattern_new(text, PATTERN_TEXT_MAX, 0, &p, &err), err);
}
END_TEST

/* A small generator: the same numbers everywhere. */
static uint32_t random_below(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % n;
}

static void random_expression(struct buf *to, uint32_t *seed, unsigned depth)
{
	static const char *const atoms[] = { "a", "b", "c", ".", "[ab]", "[^a]" };
	static const char *const repeats[] = { "", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}" };
	const unsigned pieces = 1 + random_below(seed, 3);

	for (unsigned i = 0; i < pieces; i++) {
		if (depth && random_below(seed, 3) == 0) {
			buf_puts(to, "(");
			random_expression(to, seed, depth - 1);
			if (random_below(seed, 2)) {
				buf_puts(to, "|");
				random_expression(to, seed, depth - 1);
			}
			buf_puts(to, ")");
		} else {
			buf_puts(to, atoms[random_below(seed, ARRAY_SIZE(atoms))]);
		}
		buf_puts(to, repeats[random_below(seed, ARRAY_SIZE(repeats))]);
	}
}

/* The same leftmost longest matches as the C library's. */
START_TEST(test_like_regexec)
{
	uint32_t seed = (uint32_t)_i * 7919 + 1;
	unsigned compared = 0;

	for (unsigned k = 0; k < 60; k++) {
		_cleanup_(pattern_freep) struct pattern *p = NULL;
		_buf_ struct buf expression = BUF_INIT, mine = BUF_INIT, theirs = BUF_INIT;
		struct firn_error err = { 0 };
		regex_t regex;
		regmatch_t at;
		char text[41];
		size_t from = 0;

		random_expression(&expression, &seed, 3);
		if (pattern_new(expression.data, expression.len, PATTERN_REGEX, &p, &err) < 0)
			continue; /* it matches nothing, or is too large */
		for (size_t i = 0; i < sizeof(text) - 1; i++)
			text[i] = (char)('a' + random_below(&seed, 4));
		text[sizeof(text) - 1] = '\0';
		ck_assert_int_eq(
		    regcomp(&regex, (char *)expression.data, REG_EXTENDED | REG_NEWLINE), 0);
		while (regexec(&regex, text + from, 1, &at, 0) == 0) {
			buf_printf(&theirs, "%s%zu-%zu", theirs.len ? " " : "",
				   from + (size_t)at.rm_so, from + (size_t)at.rm_eo);
			from += (size_t)at.rm_eo;
		}
		regfree(&regex);
		find_all(p, text, sizeof(text) - 1, &mine);
		if (mine.len != theirs.len ||
		    (mine.len && memcmp(mine.data, theirs.data, mine.len) != 0))
			ck_abort_msg("%s in %s: %s, regexec: %s", (char *)expression.data, text,
				     mine.data ? (char *)mine.data : "",
				     theirs.data ? (char *)theirs.data : "");
		compared++;
	}
	ck_assert_uint_gt(compared, 10);
}
END_TEST

/* An automaton of 2^12 states has no room: it forgets, and finds the same. */
START_TEST(test_many_states)
{
	const char expression[] = "a[ab]{11}c";
	_cleanup_(pattern_freep) struct pattern *p = NULL;
	_free_ char *text = malloc(1 << 20);
	struct firn_error err = { 0 };
	size_t start, end, from = 0, found = 0, want = 0;
	uint32_t seed = 5;

	for (size_t i = 0; i < 1 << 20; i++)
		text[i] = "ab"[random_below(&seed, 2)];
	for (size_t i = 1000; i < 1 << 20; i += 1000)
		text[i] = 'c';
	for (size_t i = 1000; i < 1 << 20; i += 1000)
		want += text[i - 12] == 'a';
	ck_ok(pattern_new(expression, strlen(expression), PATTERN_REGEX, &p, &err), err);
	while (pattern_find(p, (uint8_t *)text, 1 << 20, from, &start, &end)) {
		ck_assert_uint_eq(end - start, 13);
		ck_assert_uint_eq(end % 1000, 1);
		found++;
		from = end;
	}
	ck_assert_uint_eq(found, want);
}
END_TEST

/* One that reads all there is for each byte where POSIX's would begin anew. */
START_TEST(test_long)
{
	_cleanup_(pattern_freep) struct pattern *p = NULL;
	_free_ char *text = malloc(8 << 20);
	struct firn_error err = { 0 };
	size_t start = 0, end = 0;

	memset(text, 'a', 8 << 20);
	ck_ok(pattern_new("a.*b", 4, PATTERN_REGEX, &p, &err), err);
	ck_assert_int_eq(pattern_find(p, (uint8_t *)text, 8 << 20, 0, &start, &end), 0);
	text[(8 << 20) - 1] = 'b';
	ck_assert_int_eq(pattern_find(p, (uint8_t *)text, 8 << 20, 0, &start, &end), 1);
	ck_assert_uint_eq(end, 8 << 20);
	ck_assert_uint_eq(end - start, PATTERN_MATCH_MAX); /* cut */
}
END_TEST

/* One that is longer than a match may be, and has nothing in it that is one, is missed. */
START_TEST(test_too_long)
{
	_cleanup_(pattern_freep) struct pattern *p = NULL;
	const size_t n = 4 * PATTERN_MATCH_MAX;
	_free_ char *text = malloc(n);
	struct firn_error err = { 0 };
	size_t start = 0, end = 0;

	memset(text, 'a', n);
	text[10] = '<';
	text[10 + PATTERN_MATCH_MAX] = '>';
	memcpy(text + n - 5, "<aa>", 4);
	ck_ok(pattern_new("<a*>", 4, PATTERN_REGEX, &p, &err), err);
	ck_assert_int_eq(pattern_find(p, (uint8_t *)text, n, 0, &start, &end), 1);
	ck_assert_uint_eq(start, n - 5);
	ck_assert_uint_eq(end, n - 1);
	ck_assert_int_eq(pattern_find(p, (uint8_t *)text, n - 2, 0, &start, &end), 0);
}
END_TEST

START_TEST(test_zeros)
{
	static const struct {
		const char *text;
		bool skips;
	} rows[] = {
		{ "a", true }, { "\\x00a", false }, { "a\\x00", true }, { "[\\x00a]", false }
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(pattern_freep) struct pattern *p = NULL;
		struct firn_error err = { 0 };

		ck_ok(pattern_new(rows[i].text, strlen(rows[i].text), PATTERN_REGEX, &p, &err),
		      err);
		ck_assert_int_eq(pattern_skips_zeros(p), rows[i].skips);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pattern");
	TCase *t = tcase_create("pattern");

	tcase_add_loop_test(t, test_find, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(t, test_refused, 0, ARRAY_SIZE(refused));
	tcase_add_test(t, test_limits);
	tcase_add_loop_test(t, test_like_regexec, 0, 20);
	tcase_add_test(t, test_many_states);
	tcase_add_test(t, test_long);
	tcase_add_test(t, test_too_long);
	tcase_add_test(t, test_zeros);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
