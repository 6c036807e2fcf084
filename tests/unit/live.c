/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/live.h"

#include "base/fd.h"
#include "base/folder.h"
#include "scratch.h"
#include "unit.h"

#include <sys/wait.h>

/* The scratch folder's canonical path, and names in it. */
static char *here;

static void setup(void)
{
	scratch_setup();
	here = realpath(scratch_dir, NULL);
	ck_assert_ptr_nonnull(here);
}

static void teardown_here(void)
{
	free(here);
	scratch_teardown();
}

static const char *in_here(const char *name)
{
	static char paths[2][1024];
	static unsigned next;
	char *path = paths[next++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", here, name);
	return path;
}

static struct live *open_live(const char *dir, enum live_how how)
{
	struct firn_error err = { 0 };
	struct live *l = NULL;

	ck_ok(live_open(scratch("state"), dir, how, &l, &err), err);
	return l;
}

START_TEST(life)
{
	struct firn_error err = { 0 };
	_cleanup_(live_closep) struct live *l = NULL;

	scratch_clear(scratch("state"));
	ck_assert_int_eq(live_open(scratch("state"), "/m", LIVE_FIND, &l, &err), -FIRN_ENOTFOUND);
	l = open_live("/m", LIVE_MAKE);
	ck_assert(!l->mounted);
	ck_assert_int_eq(live_open(scratch("state"), "/n", LIVE_FIND, &l, &err), -FIRN_ENOTFOUND);
	ck_ok(live_begin(l, LIVE_BUNDLE, false, &err), err);
	ck_assert_int_eq(access(l->staging, F_OK), 0);
	l = live_close(l); /* as a kill does */
	l = open_live("/m", LIVE_FIND);
	ck_assert(l->mounted && !l->complete && !l->made);
	ck_ok(live_complete(l, &err), err);
	ck_assert_int_ne(access(l->staging, F_OK), 0);
	l = live_close(l);
	l = open_live("/m", LIVE_FIND);
	ck_assert(l->mounted && l->complete);
	ck_ok(live_end(l, &err), err);
	l = live_close(l);
	l = open_live("/m", LIVE_FIND);
	ck_assert(!l->mounted);
}
END_TEST

/* What was opened to mount and came to nothing leaves nothing. */
START_TEST(nothing)
{
	struct firn_error err = { 0 };
	struct live *l = NULL;
	_free_ char *list = NULL;

	scratch_clear(scratch("state"));
	l = live_close(open_live("/m", LIVE_MAKE));
	ck_assert_int_eq(live_open(scratch("state"), "/m", LIVE_FIND, &l, &err), -FIRN_ENOTFOUND);
	list = scratch_list(scratch("state"));
	ck_assert_str_eq(list, "");
}
END_TEST

START_TEST(made_folder_goes)
{
	struct firn_error err = { 0 };
	_cleanup_(live_closep) struct live *l = NULL;

	scratch_clear(scratch("state"));
	fd_close(scratch_folder("made"));
	l = open_live(in_here("made"), LIVE_MAKE);
	ck_ok(live_begin(l, LIVE_BUNDLE, true, &err), err);
	l = live_close(l);
	l = open_live(in_here("made"), LIVE_FIND);
	ck_assert(l->made);
	ck_ok(live_end(l, &err), err);
	ck_assert_int_ne(access(in_here("made"), F_OK), 0);
}
END_TEST

/* Two at once: the second waits, and then has a record of its own though the first removed his. */
START_TEST(two)
{
	_cleanup_(live_closep) struct live *l = NULL;
	struct firn_error err = { 0 };
	int status, gate[2];
	char byte;
	pid_t pid;

	scratch_clear(scratch("state"));
	ck_assert_int_eq(pipe(gate), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct live *mine = open_live("/m", LIVE_MAKE);

		(void)!write(gate[1], "x", 1);
		usleep(100 * 1000);
		live_close(mine);
		_exit(0);
	}
	ck_assert_int_eq(read(gate[0], &byte, 1), 1);
	l = open_live("/m", LIVE_MAKE);
	ck_ok(live_begin(l, LIVE_BUNDLE, false, &err), err);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	l = live_close(l);
	l = open_live("/m", LIVE_FIND);
	ck_assert(l->mounted);
	close(gate[0]);
	close(gate[1]);
}
END_TEST

START_TEST(several)
{
	struct firn_error err = { 0 };
	_cleanup_(live_closep) struct live *l = NULL;

	scratch_clear(scratch("state"));
	l = open_live("/p", LIVE_MAKE);
	ck_ok(live_begin(l, LIVE_SEVERAL, true, &err), err);
	l = live_close(l);
	l = open_live("/p", LIVE_FIND);
	ck_assert(l->mounted && l->several && l->made && !l->complete);
	ck_ok(live_complete(l, &err), err);
	l = live_close(l);
	l = open_live("/p", LIVE_FIND);
	ck_assert(l->mounted && l->several && l->made && l->complete);
	ck_ok(live_end(l, &err), err);
	ck_ok(live_begin(l, LIVE_BUNDLE, false, &err), err);
	l = live_close(l);
	l = open_live("/p", LIVE_FIND);
	ck_assert(l->mounted && !l->several && !l->made);
}
END_TEST

static int collect(const char *dir, void *ctx, struct firn_error *err)
{
	char *all = ctx;

	(void)err;
	strcat(strcat(all, dir), "|");
	return 0;
}

START_TEST(each)
{
	static const char *const dirs[] = { "/a b", "/new\nline", "/\xff\xfe", "/ended" };
	struct firn_error err = { 0 };
	char all[256] = "";

	scratch_clear(scratch("state"));
	ck_ok(live_each(scratch("state"), collect, all, &err), err);
	ck_assert_str_eq(all, "");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_(live_closep) struct live *l = open_live(dirs[i], LIVE_MAKE);

		ck_ok(live_begin(l, LIVE_BUNDLE, false, &err), err);
		if (strcmp(dirs[i], "/ended") == 0)
			ck_ok(live_end(l, &err), err);
	}
	scratch_write("state/0123456789abcdef.mount", "half a rec", 10);
	ck_ok(live_each(scratch("state"), collect, all, &err), err);
	ck_assert_uint_eq(strlen(all), strlen("/a b|/new\nline|/\xff\xfe|"));
	for (size_t i = 0; i + 1 < ARRAY_SIZE(dirs); i++)
		ck_assert_ptr_nonnull(strstr(all, dirs[i]));
}
END_TEST

/* @made: exists. "%" stands for the scratch folder. */
static const struct {
	const char *name, *want;
	int rc;
} canonical_cases[] = {
	{ "%/there", "%/there", 0 },
	{ "%/there/", "%/there", 0 },
	{ "%/./there/../there", "%/there", 0 },
	{ "%/new", "%/new", 0 },
	{ "%/new//", "%/new", 0 },
	{ "%/there/new", "%/there/new", 0 },
	{ "%/link", "%/there", 0 },
	{ "%/link/new", "%/there/new", 0 },
	{ "%/not/new", NULL, -FIRN_ENOTFOUND },
	{ "%/not/..", NULL, -FIRN_EINVAL },
	{ "/", "/", 0 },
	{ "/firn-no-such", "/firn-no-such", 0 },
	{ "", NULL, -FIRN_EINVAL },
};

static void expand(const char *pattern, char ret[512])
{
	snprintf(ret, 512, "%s%s", *pattern == '%' ? here : "", pattern + (*pattern == '%'));
}

START_TEST(canonical)
{
	struct firn_error err = { 0 };
	char name[512], want[512];
	_free_ char *got = NULL;
	int rc;

	fd_close(scratch_folder("there"));
	unlink(scratch("link"));
	ck_assert_int_eq(symlink("there", scratch("link")), 0);
	expand(canonical_cases[_i].name, name);
	rc = live_canonical(name, &got, &err);
	ck_assert_msg(rc == canonical_cases[_i].rc, "%s: %d %s", name, rc, err.msg);
	if (rc < 0)
		return;
	expand(canonical_cases[_i].want, want);
	ck_assert_str_eq(got, want);
}
END_TEST

START_TEST(private_folder)
{
	struct firn_error err = { 0 };
	_fd_ int fd = -1, again = -1;
	struct stat st;

	scratch_clear(scratch("deep"));
	fd = folder_make_private(scratch("deep/a/b"), 0700, &err);
	ck_ok(fd, err);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	again = folder_make(scratch("deep/a/b"), 0700, &err);
	ck_ok(again, err);
	ck_assert_int_eq(fchmod(fd, 0720), 0);
	ck_assert_int_eq(folder_make_private(scratch("deep/a/b"), 0700, &err), -FIRN_EINVAL);
	scratch_write("deep/file", "", 0);
	ck_assert_int_lt(folder_make(scratch("deep/file/x"), 0700, &err), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("live");
	TCase *tc = tcase_create("live");

	tcase_add_unchecked_fixture(tc, setup, teardown_here);
	tcase_add_test(tc, life);
	tcase_add_test(tc, nothing);
	tcase_add_test(tc, made_folder_goes);
	tcase_add_test(tc, two);
	tcase_add_test(tc, several);
	tcase_add_test(tc, each);
	tcase_add_loop_test(tc, canonical, 0, ARRAY_SIZE(canonical_cases));
	tcase_add_test(tc, private_folder);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
