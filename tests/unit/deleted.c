/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/deleted.h"

#include "base/buf.h"
#include "base/fd.h"
#include "unit.h"

#include <string.h>

/* What a document parses to, paths joined by blanks; NULL: refused with rc. */
static const struct {
	const char *name, *text, *want;
	int rc;
} parse_cases[] = {
	{ "none", "[]", "", 0 },
	{ "one", "[\"/etc/foo\"]", "etc/foo", 0 },
	{ "sorted", "[\"/b\",\"/a\",\"/c\"]", "a b c", 0 },
	{ "twice", "[\"/a\",\"/a/\",\"//a\"]", "a", 0 },
	{ "below another", "[\"/a/b\",\"/a\",\"/a/c/d\"]", "a", 0 },
	{ "a name between", "[\"/a-b\",\"/a/c\",\"/a\",\"/a.x\"]", "a a-b a.x", 0 },
	{ "siblings", "[\"/a/b\",\"/a/bc\",\"/a/b/c\"]", "a/b a/bc", 0 },
	{ "bytes above 127 sort last", "[\"/\\u00e9\",\"/z\"]", "z \xc3\xa9", 0 },
	{ "relative, as some engines clean paths", "[\"data/x\"]", "data/x", 0 },
	{ "leaves the rootfs", "[\"/../x\"]", NULL, -FIRN_ECORRUPT },
	{ "the root", "[\"/\"]", NULL, -FIRN_ECORRUPT },
	{ "empty", "[\"\"]", NULL, -FIRN_ECORRUPT },
	{ "a number", "[1]", NULL, -FIRN_ECORRUPT },
	{ "an object", "{\"/a\":1}", NULL, -FIRN_ECORRUPT },
	{ "null", "null", NULL, -FIRN_ECORRUPT },
	{ "cut off", "[\"/a\"", NULL, -FIRN_ECORRUPT },
	{ "NUL in a path", "[\"/a\\u0000b\"]", NULL, -FIRN_ECORRUPT },
};

START_TEST(parse)
{
	_cleanup_(deleted_done) struct deleted d = { 0 };
	struct firn_error err = { 0 };
	_buf_ struct buf got = BUF_INIT;
	int rc = deleted_parse(parse_cases[_i].text, strlen(parse_cases[_i].text), &d, &err);

	ck_assert_msg(rc == parse_cases[_i].rc, "%s: %d %s", parse_cases[_i].name, rc, err.msg);
	if (rc < 0)
		return;
	for (size_t i = 0; i < d.count; i++)
		buf_printf(&got, "%s%s", i ? " " : "", d.paths[i]);
	buf_puts(&got, "");
	ck_assert_str_eq((const char *)got.data, parse_cases[_i].want);
}
END_TEST

START_TEST(parse_limits)
{
	_cleanup_(deleted_done) struct deleted d = { 0 };
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };

	ck_assert_int_eq(deleted_parse("[]", DELETED_BYTES_MAX + 1, &d, &err), -FIRN_ELIMIT);
	buf_puts(&text, "[\"/");
	buf_fill(&text, 'a', 300);
	buf_puts(&text, "\"]");
	ck_assert_int_eq(deleted_parse((const char *)text.data, text.len, &d, &err), -FIRN_ELIMIT);
	ck_assert_uint_eq(d.count, 0);
}
END_TEST

START_TEST(lossy)
{
	ck_assert(deleted_is_lossy("a/\xef\xbf\xbd"));
	ck_assert(!deleted_is_lossy("a/\xc3\xa9"));
}
END_TEST

/* The diff: files f and d/f, a link l, folders d, e (empty) and d/s. */
static struct tree *make_diff(void)
{
	static const struct {
		const char *path;
		uint32_t mode;
	} nodes[] = { { "f", S_IFREG | 0644 },
		      { "l", S_IFLNK | 0777 },
		      { "e", S_IFDIR | 0755 },
		      { "d/f", S_IFREG | 0644 },
		      { "d/s/g", S_IFREG | 0644 } };
	struct firn_error err = { 0 };
	struct tree *t = NULL;
	struct node *n;

	ck_ok(tree_new(&t, &err), err);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		ck_ok(tree_make(t, nodes[i].path, &n, &err), err);
		n->mode = nodes[i].mode;
	}
	return t;
}

static const struct {
	const char *path;
	enum deleted_effect want;
} effect_cases[] = {
	{ "gone", DELETED_WHITEOUT },
	{ "f", DELETED_NOTHING },
	{ "f/below/a/file", DELETED_NOTHING },
	{ "l", DELETED_NOTHING },
	{ "l/x", DELETED_NOTHING },
	{ "e", DELETED_OPAQUE },
	{ "e/x", DELETED_WHITEOUT },
	{ "e/x/y", DELETED_WHITEOUT },
	{ "d", DELETED_OPAQUE },
	{ "d/s", DELETED_OPAQUE },
	{ "d/x", DELETED_WHITEOUT },
	{ "d/s/g", DELETED_NOTHING },
	{ "d/f/x", DELETED_NOTHING },
	{ "dx/y/z", DELETED_WHITEOUT },
};

START_TEST(effect)
{
	_cleanup_(tree_freep) struct tree *t = make_diff();

	ck_assert_msg(deleted_effect(effect_cases[_i].path, t) == effect_cases[_i].want, "%s",
		      effect_cases[_i].path);
}
END_TEST

/* Each folder on the way is one step: a square of them would take minutes for these. */
START_TEST(effect_deep)
{
	_cleanup_(tree_freep) struct tree *t = make_diff();
	struct firn_error err = { 0 };
	_buf_ struct buf path = BUF_INIT;
	struct node *n;

	for (int i = 0; i < 1000; i++)
		buf_puts(&path, "a/");
	buf_puts(&path, "f");
	ck_ok(tree_make(t, (char *)path.data, &n, &err), err);
	path.data[path.len - 1] = 'g';
	for (int i = 0; i < 6000; i++)
		ck_assert_int_eq(deleted_effect((char *)path.data, t), DELETED_WHITEOUT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("deleted");
	TCase *tc = tcase_create("deleted");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(parse_cases));
	tcase_add_test(tc, parse_limits);
	tcase_add_test(tc, lossy);
	tcase_add_loop_test(tc, effect, 0, ARRAY_SIZE(effect_cases));
	tcase_add_test(tc, effect_deep);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
