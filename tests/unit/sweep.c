/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blobs are removed while nobody writes, and only what has a blob's name is one. */
#include "store/sweep.h"
#include "store/store.h"

#include "base/fd.h"
#include "scratch.h"
#include "unit.h"

struct seen {
	struct sweep *sweep;
	size_t n;
};

static int remove_it(const struct digest *d, const struct stat *st, void *ctx,
		     struct firn_error *err)
{
	struct seen *seen = ctx;

	ck_assert_int_eq(st->st_size, 5);
	seen->n++;
	return sweep_remove(seen->sweep, d, err);
}

START_TEST(one_at_a_time)
{
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(sweep_closep) struct sweep *sweep = NULL;
	_fd_ int dir = scratch_folder("layout");
	struct seen seen = { 0 };
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(store_dir_open(dir, STORE_WRITE, &s, &err), err);
	ck_ok(store_put(s, "bytes", 5, &d, &err), err);
	store_keep(s);
	scratch_write("layout/blobs/sha256/notes", "somebody's", 10);
	ck_assert_int_eq(sweep_open(dir, 0, &sweep, &err), -FIRN_EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, "somebody writes to the layout"));
	s = store_close(s);
	ck_ok(sweep_open(dir, 0, &sweep, &err), err);
	seen.sweep = sweep;
	ck_ok(sweep_each(sweep, remove_it, &seen, &err), err);
	ck_ok(sweep_flush(sweep, &err), err);
	ck_assert_uint_eq(seen.n, 1);
	ck_ok(store_dir_open(dir, 0, &s, &err), err);
	ck_assert_int_eq(store_has(s, &d, NULL, &err), 0);
	ck_assert_int_eq(faccessat(dir, "blobs/sha256/notes", F_OK, 0), 0);
}
END_TEST

/* A layout without blobs is one, too. */
START_TEST(no_blobs)
{
	_cleanup_(sweep_closep) struct sweep *sweep = NULL;
	_fd_ int dir = scratch_folder("layout");
	struct seen seen = { 0 };
	struct firn_error err = { 0 };

	ck_ok(sweep_open(dir, 0, &sweep, &err), err);
	ck_ok(sweep_each(sweep, remove_it, &seen, &err), err);
	ck_assert_uint_eq(seen.n, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sweep");
	TCase *tc = tcase_create("sweep");

	tcase_add_checked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_test(tc, one_at_a_time);
	tcase_add_test(tc, no_blobs);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
