/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/mountinfo.h"

#include "base/buf.h"
#include "base/fd.h"
#include "unit.h"

#include <string.h>

/* One line each: which target and type come out, or that the line is refused. */
static const struct {
	const char *name, *line, *target, *fstype;
} lines[] = {
	{ "plain", "36 35 98:0 / /mnt rw,noatime - ext3 /dev/root rw", "/mnt", "ext3" },
	{ "optional fields", "36 35 98:0 /r /mnt rw shared:1 master:2 unbindable - xfs a rw",
	  "/mnt", "xfs" },
	{ "blank", "1 0 0:1 / /a\\040b rw - tmpfs none rw", "/a b", "tmpfs" },
	{ "tab, newline, backslash, hash", "1 0 0:1 / /\\011\\012\\134\\043 rw - tmpfs none rw",
	  "/\t\n\\#", "tmpfs" },
	{ "backslash that is none", "1 0 0:1 / /a\\8b\\04 rw - tmpfs none rw", "/a\\8b\\04",
	  "tmpfs" },
	{ "escaped slash of a source", "1 0 0:1 / /a rw - fuse.x-y a\\040- rw", "/a", "fuse.x-y" },
	{ "colon, comma, UTF-8", "1 0 0:1 / /a:b,c\xc3\xa9 rw - overlay firn rw", "/a:b,c\xc3\xa9",
	  "overlay" },
	{ "a dash as root", "1 0 0:1 - /a rw - tmpfs none rw", "/a", "tmpfs" },
	{ "no separator", "36 35 98:0 / /mnt rw,noatime ext3 /dev/root rw", NULL, NULL },
	{ "no type", "36 35 98:0 / /mnt rw -", NULL, NULL },
	{ "relative target", "36 35 98:0 / mnt rw - ext3 a rw", NULL, NULL },
	{ "letters for an id", "x 35 98:0 / /mnt rw - ext3 a rw", NULL, NULL },
	{ "negative id", "-1 35 98:0 / /mnt rw - ext3 a rw", NULL, NULL },
	{ "short", "36 35", NULL, NULL },
	{ "empty line", "\n", NULL, NULL },
};

START_TEST(parse_line)
{
	_cleanup_(mountinfo_done) struct mountinfo m = { 0 };
	struct firn_error err = { 0 };
	int rc = mountinfo_parse(lines[_i].line, &m, &err);

	if (!lines[_i].target) {
		ck_assert_msg(rc == -FIRN_ECORRUPT, "%s: %d", lines[_i].name, rc);
		return;
	}
	ck_ok(rc, err);
	ck_assert_uint_eq(m.count, 1);
	ck_assert_str_eq(m.entries[0].target, lines[_i].target);
	ck_assert_str_eq(m.entries[0].fstype, lines[_i].fstype);
}
END_TEST

START_TEST(ids_and_order)
{
	_cleanup_(mountinfo_done) struct mountinfo m = { 0 };
	struct firn_error err = { 0 };

	ck_ok(
	    mountinfo_parse("22 1 0:1 / / rw - ext4 a rw\n4294967296 22 0:2 / /b rw - tmpfs b rw\n",
			    &m, &err),
	    err);
	ck_assert_uint_eq(m.count, 2);
	ck_assert_uint_eq(m.entries[0].id, 22);
	ck_assert_uint_eq(m.entries[0].parent, 1);
	ck_assert_uint_eq(m.entries[1].id, 4294967296ull);
	ck_assert_uint_eq(m.entries[1].parent, 22);
}
END_TEST

static const struct {
	const char *top, *path;
	bool covers;
} cover_cases[] = {
	{ "/a", "/a", true },    { "/a", "/a/b", true },  { "/a", "/ab", false },
	{ "/a", "/", false },    { "/a/b", "/a", false }, { "/a b", "/a b/c", true },
	{ "/a", "/b/a", false }, { "/a", "/a//", true },
};

START_TEST(covers)
{
	ck_assert_int_eq(mountinfo_covers(cover_cases[_i].top, cover_cases[_i].path),
			 cover_cases[_i].covers);
}
END_TEST

START_TEST(select_keeps_longest_first)
{
	_cleanup_(mountinfo_done) struct mountinfo m = { 0 };
	_buf_ struct buf text = BUF_INIT;
	static const char *const targets[] = { "/",         "/m",    "/m/checkpoint",
					       "/m/rootfs", "/n",    "/m/rootfs/dev/shm",
					       "/state/1",  "/m",    "/state/12",
					       "/mx",       "/state" };
	static const char *const want[] = {
		"/m/rootfs/dev/shm", "/m/checkpoint", "/m/rootfs", "/state/1", "/m", "/m"
	};
	static const char *const tops[] = { "/m", "/state/1" };
	struct firn_error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		buf_printf(&text, "%zu 1 0:1 / %s rw - tmpfs x rw\n", i + 10, targets[i]);
	ck_ok(buf_check(&text, &err), err);
	ck_ok(mountinfo_parse((const char *)text.data, &m, &err), err);
	mountinfo_select(&m, tops, ARRAY_SIZE(tops));
	ck_assert_uint_eq(m.count, ARRAY_SIZE(want));
	for (size_t i = 0; i < m.count; i++)
		ck_assert_str_eq(m.entries[i].target, want[i]);
}
END_TEST

/* Who lies lowest on a folder, in any order of the lines. */
static const struct {
	const char *path, *fstype, *source;
	bool shows;
} show_cases[] = {
	{ "/a", "overlay", "firn", true },      { "/a", "tmpfs", "t", false },
	{ "/a", "overlay", "other", false },    { "/a", "tmpfs", "firn", false },
	{ "/b", "overlay", "firn", false },     { "/b", "tmpfs", "", true },
	{ "/c/d", "fuse.firn", "firn", true },  { "/c", "fuse.firn", "firn", false },
	{ "/c/d/e", "overlay", "firn", false }, { "/", "ext4", "/dev/x", true },
};

START_TEST(shows)
{
	static const char text[] = "40 30 0:1 / /a rw - tmpfs t rw\n"
				   "20 1 0:1 / / rw - ext4 /dev/x rw\n"
				   "30 20 0:2 / /a rw - overlay firn rw\n"
				   "31 20 0:3 / /b rw - tmpfs  rw\n"
				   "32 31 0:4 / /b rw - overlay firn rw\n"
				   "33 20 0:5 / /c/d rw - fuse.firn firn rw\n";
	_cleanup_(mountinfo_done) struct mountinfo m = { 0 };
	struct firn_error err = { 0 };

	ck_ok(mountinfo_parse(text, &m, &err), err);
	ck_assert_int_eq(
	    mountinfo_shows(&m, show_cases[_i].path, show_cases[_i].fstype, show_cases[_i].source),
	    show_cases[_i].shows);
}
END_TEST

START_TEST(live)
{
	_cleanup_(mountinfo_done) struct mountinfo m = { 0 };
	struct firn_error err = { 0 };
	bool root = false;

	ck_ok(mountinfo_read(&m, &err), err);
	for (size_t i = 0; i < m.count; i++)
		root |= strcmp(m.entries[i].target, "/") == 0;
	ck_assert(root);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mountinfo");
	TCase *tc = tcase_create("mountinfo");

	tcase_add_loop_test(tc, parse_line, 0, ARRAY_SIZE(lines));
	tcase_add_test(tc, ids_and_order);
	tcase_add_loop_test(tc, covers, 0, ARRAY_SIZE(cover_cases));
	tcase_add_test(tc, select_keeps_longest_first);
	tcase_add_loop_test(tc, shows, 0, ARRAY_SIZE(show_cases));
	tcase_add_test(tc, live);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
