/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk that is full at any point of a build: a tmpfs of one page, of two, and so on, then one
 * with few inodes. An error, nothing left, and the layout is what it was.
 */
#include "base/fd.h"
#include "image/layout.h"
#include "scratch.h"
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#define HEAD     65536u
#define BIG      (HEAD + 50000u)
#define STEP_MAX 64

static const char *const limits[] = { "size", "nr_inodes" };

/* A tmpfs at "disk" for this process alone, limited to @count pages or inodes. */
static void mount_disk(const char *limit, int count)
{
	const long unit = strcmp(limit, "size") == 0 ? sysconf(_SC_PAGESIZE) : 1;
	char options[64];

	umount2(scratch("disk"), MNT_DETACH);
	snprintf(options, sizeof(options), "%s=%ld", limit, count * unit);
	mkdir(scratch("disk"), 0700);
	ck_assert_int_eq(mount("firn-test", scratch("disk"), "tmpfs", 0, options), 0);
}

static int build(const char *tag, char fill, struct firn_error *err)
{
	static char bytes[BIG];
	_cleanup_(layout_closep) struct layout *l = NULL;
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	struct oci_descriptor d = { .media_type = OCI_LAYER };
	const struct layout_entry e = { tag, &d };
	int rc;

	memset(bytes, fill, sizeof(bytes));
	if ((rc = layout_open(scratch("disk/l"), LAYOUT_CREATE, &l, err)) < 0 ||
	    (rc = blob_new(layout_store(l), HEAD, &w, err)) < 0 ||
	    (rc = blob_write(w, bytes, BIG - HEAD, err)) < 0 ||
	    (rc = blob_fill_head(w, bytes, HEAD, err)) < 0 ||
	    (rc = blob_seal(w, &d.digest, &d.size, err)) < 0)
		return rc;
	return layout_commit(l, &w, 1, &e, 1, false, err);
}

static void enter_namespace(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
}

START_TEST(new_layout)
{
	struct firn_error err = { 0 };
	int count, failures = 0, rc = -1;

	enter_namespace();
	for (count = 1; rc < 0 && count < STEP_MAX; count++) {
		_free_ char *left = NULL;

		mount_disk(limits[_i], count);
		rc = build("r1", 'a', &err);
		if (rc == 0)
			break;
		failures++;
		ck_assert_msg(err.sys_errno == ENOSPC, "%d: %s", count, err.msg);
		left = scratch_list(scratch("disk"));
		ck_assert_str_eq(left, "");
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_int_gt(failures, 3);
}
END_TEST

START_TEST(existing_layout)
{
	struct firn_error err = { 0 };
	int count, failures = 0, rc = -1;

	enter_namespace();
	for (count = 1; rc < 0 && count < STEP_MAX; count++) {
		_free_ char *before = NULL, *after = NULL, *old_index = NULL, *index = NULL;

		mount_disk(limits[_i], count);
		if (build("r1", 'a', &err) < 0)
			continue;
		before = scratch_list(scratch("disk"));
		old_index = scratch_read(scratch("disk/l/index.json"));
		rc = build("r2", 'b', &err);
		if (rc == 0)
			break;
		failures++;
		ck_assert_msg(err.sys_errno == ENOSPC, "%d: %s", count, err.msg);
		after = scratch_list(scratch("disk"));
		index = scratch_read(scratch("disk/l/index.json"));
		ck_assert_str_eq(after, before);
		ck_assert_str_eq(index, old_index);
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_int_gt(failures, 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("full_disk");
	TCase *tc = tcase_create("full_disk");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, new_layout, 0, ARRAY_SIZE(limits));
	tcase_add_loop_test(tc, existing_layout, 0, ARRAY_SIZE(limits));
	suite_add_tcase(s, tc);
	return s;
}

static int run(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0) {
		printf("1..0 # SKIP mounting a tmpfs needs root\n");
		return EXIT_SUCCESS;
	}
	return run();
}
