/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blobs that are sealed if the file system can do it; tests/qemu has one that can. */
#include "base/fault.h"
#include "base/fd.h"
#include "kernel/verity.h"
#include "scratch.h"
#include "store/store.h"
#include "unit.h"

static struct store *new_sealing(void)
{
	_fd_ int dir = scratch_folder("layout");
	struct firn_error err = { 0 };
	struct store *s = NULL;

	ck_ok(store_dir_open(dir, STORE_WRITE | STORE_SEAL, &s, &err), err);
	return s;
}

static const char *const seal_faults[] = {
	NULL,
	"publish.seal:*:ENODATA",
	/* The temporary name can't be had: then it isn't sealed. */
	"publish.seal:*:ENODATA,publish.link:1:ENOSPC",
};

/* Up to the kernel's answer, whatever that is: nothing else is to be seen of it. */
START_TEST(sealed)
{
	_cleanup_(store_closep) struct store *s = new_sealing();
	_free_ char *bytes = calloc(1, STORE_SEAL_BYTES), *text = NULL, *before = NULL;
	struct firn_error err = { 0 };
	struct digest d;
	char last = 'x';

	ck_ok(fault_set(seal_faults[_i], &err), err);
	for (int i = 0; i < 2; i++) {
		_cleanup_(blob_freep) struct blob_writer *w = NULL;
		_cleanup_(source_closep) struct source *src = NULL;
		_free_ char *list = NULL;

		ck_ok(blob_new(s, 4096, &w, &err), err);
		ck_ok(blob_write(w, bytes, STORE_SEAL_BYTES - 4096, &err), err);
		ck_ok(blob_fill_head(w, bytes, 4096, &err), err);
		ck_ok(blob_seal(w, &d, NULL, &err), err);
		ck_ok(blob_source(w, &src, &err), err);
		ck_ok(blob_flush(w, &err), err);
		ck_assert_int_eq(source_pread(src, &last, 1, STORE_SEAL_BYTES - 1, &err), 1);
		ck_assert_int_eq(last, 0);
		ck_assert_int_eq(blob_publish(w, &err), i);
		w = blob_free(w);
		list = scratch_list(scratch("layout"));
		if (before)
			ck_assert_str_eq(list, before);
		else
			before = take_ptr(&list);
	}
	ck_ok(store_read(s, &d, STORE_SEAL_BYTES, STORE_SEAL_BYTES, &text, NULL, &err), err);
}
END_TEST

/* Nobody says that of a file that isn't, nor of what is none. */
START_TEST(not_sealed)
{
	_fd_ int dir = scratch_folder("d");

	ck_assert(!verity_is_sealed(dir));
	ck_assert(!verity_is_sealed(-1));
	ck_assert(!verity_is_offered(-1));
	scratch_write("d/x", "x", 1);
	{
		_fd_ int fd = open(scratch("d/x"), O_RDWR | O_CLOEXEC);

		ck_assert(!verity_is_sealed(fd));
		ck_assert_int_eq(verity_seal(fd), -1);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("seal");
	TCase *tc = tcase_create("seal");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, sealed, 0, ARRAY_SIZE(seal_faults));
	tcase_add_test(tc, not_sealed);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
