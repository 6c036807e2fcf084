/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The roads to a name: O_TMPFILE, the temporary name where a file system refuses that, and the one
 * that a file gets to be sealed.
 */
#include "store/publish.h"

#include "base/fault.h"
#include "base/fd.h"
#include "scratch.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static const char *const roads[] = { NULL, "publish.tmpfile:*:EOPNOTSUPP",
				     "publish.seal:*:ENODATA" };

static void take_road(int road, const char *more)
{
	struct firn_error err = { 0 };
	char spec[128];

	snprintf(spec, sizeof(spec), "%s%s%s", roads[road] ? roads[road] : "",
		 roads[road] && more ? "," : "", more ? more : "");
	ck_ok(fault_set(spec, &err), err);
}

static void open_written(int dirfd, const char *text, struct publish *ret)
{
	struct firn_error err = { 0 };

	ck_ok(publish_open(dirfd, ret, &err), err);
	ck_ok(fd_write(ret->fd, text, strlen(text), &err), err);
	publish_seal(ret);
	ck_ok(publish_flush(ret, &err), err);
}

static void expect_list(const char *folder, const char *wanted)
{
	_free_ char *list = scratch_list(scratch(folder));

	ck_assert_str_eq(list, wanted);
}

static void expect_content(const char *name, const char *wanted)
{
	_free_ char *text = scratch_read(scratch(name));

	ck_assert_str_eq(text, wanted);
}

START_TEST(name)
{
	_fd_ int dir = scratch_folder("d");
	_cleanup_(publish_done) struct publish a = PUBLISH_NONE, b = PUBLISH_NONE;
	struct firn_error err = { 0 };
	struct stat st;

	take_road(_i, NULL);
	open_written(dir, "first", &a);
	ck_assert_int_eq(a.temp[0] != '\0', _i != 0);
	ck_assert_int_eq(fcntl(a.fd, F_GETFL) & O_ACCMODE, _i == 2 ? O_RDONLY : O_RDWR);
	ck_assert_int_eq(fcntl(a.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(publish_name(&a, "x", &err), 0);
	expect_list("d", "x\n");
	expect_content("d/x", "first");
	ck_assert_int_eq(fstatat(dir, "x", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	open_written(dir, "second", &b);
	ck_assert_int_eq(publish_name(&b, "x", &err), 1);
	publish_done(&b);
	publish_done(&a);
	expect_list("d", "x\n");
	expect_content("d/x", "first");
	ck_ok(publish_sync(dir, &err), err);
}
END_TEST

START_TEST(replace)
{
	_fd_ int dir = scratch_folder("d");
	_cleanup_(publish_done) struct publish a = PUBLISH_NONE, b = PUBLISH_NONE;
	struct firn_error err = { 0 };

	take_road(_i, NULL);
	open_written(dir, "first", &a);
	ck_ok(publish_replace(&a, "x", &err), err);
	open_written(dir, "second", &b);
	ck_ok(publish_replace(&b, "x", &err), err);
	publish_done(&a);
	publish_done(&b);
	expect_list("d", "x\n");
	expect_content("d/x", "second");
}
END_TEST

START_TEST(abandon)
{
	_fd_ int dir = scratch_folder("d");
	struct publish a = PUBLISH_NONE;

	take_road(_i, NULL);
	open_written(dir, "first", &a);
	publish_done(&a);
	expect_list("d", "");
	publish_done(&a);
}
END_TEST

/* 0600 also for a caller whose umask would leave less. */
START_TEST(mode)
{
	_fd_ int dir = scratch_folder("d");
	struct firn_error err = { 0 };
	struct stat st;

	take_road(_i, NULL);
	umask(0777);
	ck_assert_int_eq(publish_bytes(dir, "x", "text", 4, &err), 0);
	umask(022);
	ck_assert_int_eq(fstatat(dir, "x", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(publish_bytes(dir, "x", "other", 5, &err), 1);
	expect_content("d/x", "text");
}
END_TEST

static const struct {
	const char *fault;
	bool replaces;
} failures[] = {
	{ "publish.tmpfile:ENOSPC", false }, { "publish.flush:ENOSPC", false },
	{ "publish.link:ENOSPC", false },    { "publish.flush:ENOSPC", true },
	{ "publish.rename:EIO", true },
};

static int put(int dir, bool replaces, struct firn_error *err)
{
	_cleanup_(publish_done) struct publish p = PUBLISH_NONE;
	int rc;

	if (!replaces)
		return publish_bytes(dir, "y", "text", 4, err);
	if ((rc = publish_open(dir, &p, err)) < 0 || (rc = publish_flush(&p, err)) < 0)
		return rc;
	return publish_replace(&p, "x", err);
}

START_TEST(failure)
{
	const int road = _i % 2, which = _i / 2;
	_fd_ int dir = scratch_folder("d");
	struct firn_error err = { 0 };
	int rc;

	scratch_write("d/x", "old", 3);
	take_road(road, failures[which].fault);
	if (road == 1 && which == 0)
		take_road(road, "publish.open:ENOSPC");
	rc = put(dir, failures[which].replaces, &err);
	ck_assert_msg(rc == -FIRN_EFAIL, "%s: %d", failures[which].fault, rc);
	ck_assert_int_ne(err.sys_errno, 0);
	expect_list("d", "x\n");
	expect_content("d/x", "old");
	take_road(road, NULL);
	ck_ok(put(dir, failures[which].replaces, &err), err);
}
END_TEST

/* A process that is killed between opening and naming, and what the next one finds. */
START_TEST(killed)
{
	_fd_ int dir = scratch_folder("d");
	struct firn_error err = { 0 };
	_free_ char *left = NULL;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		take_road(_i, "publish.link:kill");
		(void)!publish_bytes(dir, "x", "text", 4, &err);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (_i == 0) {
		ck_assert(WIFSIGNALED(status));
		expect_list("d", "");
		return;
	}
	ck_assert(WIFSIGNALED(status));
	left = scratch_list(scratch("d"));
	ck_assert_int_eq(strncmp(left, PUBLISH_TEMP_PREFIX, strlen(PUBLISH_TEMP_PREFIX)), 0);
	ck_ok(publish_clean(dir, &err), err);
	expect_list("d", "");
}
END_TEST

START_TEST(clean_spares_the_living)
{
	_fd_ int dir = scratch_folder("d");
	_cleanup_(publish_done) struct publish p = PUBLISH_NONE;
	struct firn_error err = { 0 };

	take_road(1, NULL);
	open_written(dir, "text", &p);
	scratch_write("d/.firn-dead", "x", 1);
	scratch_write("d/.fir", "x", 1);
	ck_assert_int_eq(mkdirat(dir, ".firn-folder", 0700), 0);
	ck_assert_int_eq(symlinkat("x", dir, ".firn-link"), 0);
	ck_assert_int_eq(mkfifoat(dir, ".firn-fifo", 0600), 0);
	ck_ok(publish_clean(dir, &err), err);
	ck_assert_int_eq(faccessat(dir, ".firn-dead", F_OK, 0), -1);
	ck_assert_int_eq(faccessat(dir, ".fir", F_OK, 0), 0);
	ck_assert_int_eq(faccessat(dir, p.temp, F_OK, 0), 0);
	ck_ok(publish_name(&p, "x", &err), err);
	expect_content("d/x", "text");
}
END_TEST

static const struct {
	const char *spec;
	int rc;
} specs[] = {
	{ NULL, 0 },
	{ "", 0 },
	{ "a:kill", 0 },
	{ "a:3:ENOSPC,b:*:EIO", 0 },
	{ "a", -FIRN_EINVAL },
	{ "a:", -FIRN_EINVAL },
	{ "a:x", -FIRN_EINVAL },
	{ "a:0:kill", -FIRN_EINVAL },
	{ "a:1x:kill", -FIRN_EINVAL },
	{ "a:killed", -FIRN_EINVAL },
	{ "a:kill,b:kill,c:kill,d:kill,e:kill", -FIRN_EINVAL },
	{ "a-name-that-is-longer-than-any-of-ours:kill", -FIRN_EINVAL },
};

START_TEST(fault_specs)
{
	struct firn_error err;

	ck_assert_int_eq(fault_set(specs[_i].spec, &err), specs[_i].rc);
}
END_TEST

START_TEST(unnamed)
{
	struct firn_error err = { 0 };
	char back[4] = "";
	struct stat st;
	_fd_ int fd = -1;

	fd_close(scratch_folder("u"));
	take_road(_i, NULL);
	fd = publish_unnamed(scratch("u"), &err);
	ck_assert_msg(fd >= 0, "%s", err.msg);
	expect_list("u", "");
	ck_ok(fd_write(fd, "abc", 3, &err), err);
	ck_assert_int_eq(fd_pread(fd, back, 3, 0, &err), 3);
	ck_assert_str_eq(back, "abc");
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_uint_eq(st.st_nlink, 0);
	ck_assert_int_eq(publish_unnamed(scratch("none"), &err), -FIRN_ENOTFOUND);
}
END_TEST

START_TEST(fault_counts)
{
	struct firn_error err = { 0 };

	ck_ok(fault_set("a:2:ENOSPC,b:*:EIO", &err), err);
	ck_assert(!fault_hit("a"));
	ck_assert(fault_hit("a"));
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert(!fault_hit("a"));
	ck_assert(fault_hit("b"));
	ck_assert(fault_hit("b"));
	ck_assert_int_eq(errno, EIO);
	ck_assert(!fault_hit("c"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("publish");
	TCase *tc = tcase_create("publish");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, name, 0, ARRAY_SIZE(roads));
	tcase_add_loop_test(tc, replace, 0, ARRAY_SIZE(roads));
	tcase_add_loop_test(tc, abandon, 0, ARRAY_SIZE(roads));
	tcase_add_loop_test(tc, mode, 0, ARRAY_SIZE(roads));
	tcase_add_loop_test(tc, failure, 0, 2 * ARRAY_SIZE(failures));
	/* Nothing is sealed there. */
	tcase_add_loop_test(tc, killed, 0, 2);
	tcase_add_loop_test(tc, unnamed, 0, ARRAY_SIZE(roads));
	tcase_add_test(tc, clean_spares_the_living);
	tcase_add_loop_test(tc, fault_specs, 0, ARRAY_SIZE(specs));
	tcase_add_test(tc, fault_counts);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
