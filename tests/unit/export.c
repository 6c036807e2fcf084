/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An export that is killed, or gets an error, each time it comes by a point of lib/base/fault.h:
 * the file is then the old one or the whole new one, the folder isn't there or is whole.
 */
#include "base/fault.h"
#include "base/fd.h"
#include "sample.h"
#include "scratch.h"
#include "unit.h"

#include "firn/build.h"
#include "firn/export.h"

#include <errno.h>
#include <sys/wait.h>

#define SAMPLE "podman-none.tar"

static const struct {
	const char *point;
	bool file, folder; /* which export comes by it */
} points[] = {
	{ "sink.write", true, true },    { "publish.tmpfile", true, false },
	{ "publish.flush", true, true }, { "publish.link", true, false },
	{ "publish.sync", true, false }, { "publish.rename", true, true },
};

static char *image;

static void build_sample(void)
{
	const char *top = getenv("top_srcdir");
	struct firn_error err = { 0 };
	char path[4096];

	scratch_setup();
	snprintf(path, sizeof(path), "%s/tests/data/" SAMPLE, top ? top : ".");
	ck_assert_int_ge(asprintf(&image, "oci:%s:x", scratch("layout")), 0);
	ck_ok(firn_build(path, image, NULL, NULL, &err), err);
	ck_assert_int_eq(mkdir(scratch("out"), 0700), 0);
}

static void forget_sample(void)
{
	free(image);
	scratch_teardown();
}

static int export_file(struct firn_error *err)
{
	return firn_export(image, scratch("out/f"), NULL, NULL, err);
}

static int export_folder(struct firn_error *err)
{
	return firn_export_dir(image, scratch("out/d"), NULL, NULL, err);
}

static bool is_old(void)
{
	_free_ char *text = scratch_read(scratch("out/f"));

	return strcmp(text, "old") == 0;
}

static bool is_new(void)
{
	struct sample want = sample_open(SAMPLE);
	_fd_ int fd = open(scratch("out/f"), O_RDONLY | O_CLOEXEC);
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	size_t len = 0;
	bool same;

	ck_assert_ptr_nonnull(want.bytes);
	ck_ok(fd_read_all(fd, 1u << 20, &text, &len, &err), err);
	same = len == want.size && memcmp(text, want.bytes, len) == 0;
	free(want.bytes);
	return same;
}

/* The last thing written: a folder that has it is whole. */
static bool folder_is_whole(void)
{
	return access(scratch("out/d/checkpoint/inventory.img"), F_OK) == 0 &&
	       access(scratch("out/d/rootfs-diff.tar"), F_OK) == 0;
}

static void fault(const char *point, int nth, const char *what)
{
	struct firn_error err = { 0 };
	char spec[64];

	snprintf(spec, sizeof(spec), "%s:%d:%s", point, nth, what);
	ck_ok(fault_set(spec, &err), err);
}

#define ROUNDS_MAX 200 /* more than the sample has of writes to a file */

static void expect_file(int rc, const struct firn_error *err, const char *point)
{
	_free_ char *list = scratch_list(scratch("out"));

	ck_assert_str_eq(list, "f\n");
	/* Behind the renaming only the folder is flushed. */
	if (rc == 0 || strcmp(point, "publish.sync") == 0)
		ck_assert_msg(is_new(), "%s: not the new file", point);
	else
		ck_assert_msg(is_old(), "%s: %s: not the old file", point, err->msg);
}

START_TEST(file_fails)
{
	int rc = -1, hits = 0;

	for (int nth = 1; rc < 0; nth++, hits++) {
		struct firn_error err = { 0 };

		ck_assert_int_lt(nth, ROUNDS_MAX);
		scratch_write("out/f", "old", 3);
		fault(points[_i].point, nth, "ENOSPC");
		rc = export_file(&err);
		expect_file(rc, &err, points[_i].point);
		ck_assert(rc == 0 || err.sys_errno == ENOSPC);
		ck_ok(fault_set(NULL, &err), err);
	}
	ck_assert_int_eq(hits > 1, points[_i].file);
}
END_TEST

START_TEST(folder_fails)
{
	int rc = -1, hits = 0;

	for (int nth = 1; rc < 0; nth++, hits++) {
		_free_ char *list = NULL;
		struct firn_error err = { 0 };

		ck_assert_int_lt(nth, ROUNDS_MAX);
		fault(points[_i].point, nth, "ENOSPC");
		rc = export_folder(&err);
		list = scratch_list(scratch("out"));
		if (rc < 0)
			ck_assert_str_eq(list, "");
		else
			ck_assert(folder_is_whole());
		ck_ok(fault_set(NULL, &err), err);
	}
	ck_assert_int_eq(hits > 1, points[_i].folder);
}
END_TEST

/* A folder of which it isn't known whether it is empty keeps what is in it. */
START_TEST(folder_unknown)
{
	struct firn_error err = { 0 };

	ck_assert_int_eq(mkdir(scratch("out/d"), 0755), 0);
	scratch_write("out/d/precious", "x", 1);
	fault("folder.look", 1, "EIO");
	ck_assert_int_lt(export_folder(&err), 0);
	ck_ok(fault_set(NULL, &err), err);
	ck_assert_int_eq(access(scratch("out/d/precious"), F_OK), 0);
	ck_assert_int_eq(export_folder(&err), -FIRN_EEXIST);
	ck_assert_int_eq(access(scratch("out/d/precious"), F_OK), 0);
}
END_TEST

/* True when the child was killed. */
static bool killed(int (*go)(struct firn_error *err))
{
	struct firn_error err = { 0 };
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(go(&err) < 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

START_TEST(file_killed)
{
	struct firn_error err = { 0 };
	bool dead = true;

	for (int nth = 1; dead; nth++) {
		ck_assert_int_lt(nth, ROUNDS_MAX);
		scratch_write("out/f", "old", 3);
		fault(points[_i].point, nth, "kill");
		dead = killed(export_file);
		ck_assert_msg(is_old() || is_new(), "killed at %s %d", points[_i].point, nth);
	}
	ck_ok(fault_set(NULL, &err), err);
	ck_assert(is_new());
}
END_TEST

START_TEST(folder_killed)
{
	struct firn_error err = { 0 };
	bool dead = true;

	for (int nth = 1; dead; nth++) {
		ck_assert_int_lt(nth, ROUNDS_MAX);
		scratch_clear(scratch("out/d"));
		fault(points[_i].point, nth, "kill");
		dead = killed(export_folder);
		ck_assert_msg(access(scratch("out/d"), F_OK) < 0 || folder_is_whole(),
			      "killed at %s %d", points[_i].point, nth);
	}
	ck_ok(fault_set(NULL, &err), err);
	ck_assert(folder_is_whole());
}
END_TEST

START_TEST(other_road)
{
	struct firn_error err = { 0 };

	scratch_write("out/f", "old", 3);
	ck_ok(fault_set("publish.tmpfile:*:EOPNOTSUPP", &err), err);
	ck_ok(export_file(&err), err);
	expect_file(0, &err, "publish.tmpfile");
}
END_TEST

START_TEST(results)
{
	const struct firn_export_opts none = { .size = 0 },
				      odd = { .size = sizeof(odd), .flags = 1 };
	struct firn_export_result *r = NULL;
	struct firn_error err = { 0 };

	ck_assert_int_eq(firn_export(image, scratch("out/f"), &none, &r, &err), -FIRN_EINVAL);
	ck_assert_int_eq(firn_export(image, scratch("out/f"), &odd, &r, &err), -FIRN_EINVAL);
	ck_assert_int_eq(firn_export(image, scratch("out/f"), NULL, NULL, NULL), 0);
	ck_ok(firn_export(image, scratch("out/f"), NULL, &r, &err), err);
	ck_assert_str_eq(firn_export_result_engine(r), "Podman");
	ck_assert_str_eq(firn_export_result_way(r), "layers");
	ck_assert_str_eq(firn_export_result_compression(r), "none");
	ck_assert_uint_eq(firn_export_result_bytes(r), 254976);
	ck_assert_uint_eq(firn_export_result_shared(r), 0);
	ck_assert_ptr_null(firn_export_result_free(r));
	ck_assert_ptr_null(firn_export_result_free(NULL));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("export");
	TCase *tc = tcase_create("export");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, build_sample, forget_sample);
	tcase_add_loop_test(tc, file_fails, 0, (int)ARRAY_SIZE(points));
	tcase_add_loop_test(tc, folder_fails, 0, (int)ARRAY_SIZE(points));
	tcase_add_test(tc, folder_unknown);
	tcase_add_loop_test(tc, file_killed, 0, (int)ARRAY_SIZE(points));
	tcase_add_loop_test(tc, folder_killed, 0, (int)ARRAY_SIZE(points));
	tcase_add_test(tc, other_road);
	tcase_add_test(tc, results);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
