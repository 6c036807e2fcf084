/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a copy that compresses keeps: a store of one file, and notes of what layers have become. */
#include "copy/known.h"

#include "base/fd.h"
#include "scratch.h"
#include "store/store.h"
#include "unit.h"

#include <sys/stat.h>

#define LAYERS 3000

static struct digest digest_number(unsigned n)
{
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(digest_of(&n, sizeof(n), &d, &err), err);
	return d;
}

static void expect(struct store *s, const struct digest *d, const char *wanted)
{
	struct firn_error err = { 0 };
	_free_ char *text = NULL;

	ck_ok(store_read(s, d, 0, 100000, &text, NULL, &err), err);
	ck_assert_str_eq(text, wanted);
}

START_TEST(spool)
{
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(blob_freep) struct blob_writer *w = NULL, *none = NULL;
	struct firn_error err = { 0 };
	struct digest one, two, three;

	ck_ok(store_spool_new(scratch(""), &s, &err), err);
	ck_ok(store_put(s, "one", 3, &one, &err), err);
	ck_ok(blob_new(s, 0, &w, &err), err);
	ck_assert_int_eq(blob_new(s, 0, &none, &err), -FIRN_EBUSY);
	ck_ok(blob_write(w, "thrown away", 11, &err), err);
	w = blob_free(w);
	ck_ok(store_put(s, "two", 3, &two, &err), err);
	expect(s, &one, "one");
	expect(s, &two, "two");
	store_spool_drop(s, &one);
	store_spool_drop(s, &one);
	ck_assert_int_eq(store_has(s, &one, NULL, &err), 0);
	ck_ok(store_put(s, "three", 5, &three, &err), err);
	expect(s, &two, "two");
	expect(s, &three, "three");
	ck_ok(store_put(s, "one", 3, &one, &err), err);
	expect(s, &one, "one");
}
END_TEST

START_TEST(no_spool)
{
	struct firn_error err = { 0 };
	struct store *s = NULL;

	ck_assert_int_eq(store_spool_new(scratch("none"), &s, &err), -FIRN_ENOTFOUND);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(known)
{
	struct known *k = known_open(scratch("state"), 3), *other = known_open(scratch("state"), 4);
	struct digest plain, got = { 0 };
	unsigned found = 0;
	uint64_t size = 0;
	struct stat st;

	ck_assert_ptr_nonnull(k);
	ck_assert_ptr_nonnull(other);
	for (unsigned n = 0; n < LAYERS; n++) {
		const struct digest packed = digest_number(LAYERS + n);

		plain = digest_number(n);
		ck_assert(!known_find(k, &plain, &got, &size));
		known_add(k, &plain, &packed, (uint64_t)n << 40);
		ck_assert(known_find(k, &plain, &got, &size));
		ck_assert(digest_equal(&got, &packed));
		ck_assert_uint_eq(size, (uint64_t)n << 40);
		ck_assert(!known_find(other, &plain, &got, &size));
	}
	for (unsigned n = 0; n < LAYERS; n++) {
		const struct digest packed = digest_number(LAYERS + n);

		plain = digest_number(n);
		if (!known_find(k, &plain, &got, &size))
			continue;
		ck_assert(digest_equal(&got, &packed));
		found++;
	}
	/* Few have lost their place. */
	ck_assert_uint_gt(found, LAYERS / 2);
	ck_assert_int_eq(stat(scratch("state/packed-layers"), &st), 0);
	ck_assert_int_le(st.st_size, 1 << 20);
	known_close(k);
	known_close(other);
}
END_TEST

static const struct {
	const char *name;
	off_t at; /* of the byte that is another one; -1: cut */
} spoilt[] = {
	{ "key", 0 }, { "digest", 40 }, { "size", 64 }, { "sum", 80 }, { "cut", -1 },
};

/* A record that isn't whole is none. */
START_TEST(known_spoilt)
{
	const struct digest plain = digest_number(1), packed = digest_number(2);
	struct known *k = known_open(scratch(spoilt[_i].name), 3);
	struct digest got;
	char path[512];
	uint64_t size;
	struct stat st;
	uint8_t byte;
	_fd_ int fd = -1;
	off_t begin;

	ck_assert_ptr_nonnull(k);
	known_add(k, &plain, &packed, 77);
	ck_assert(known_find(k, &plain, &got, &size));
	snprintf(path, sizeof(path), "%s/packed-layers", scratch(spoilt[_i].name));
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	/* The only record ends where the file does. */
	begin = st.st_size - 96;
	if (spoilt[_i].at < 0) {
		ck_assert_int_eq(ftruncate(fd, st.st_size - 1), 0);
	} else {
		ck_assert_int_eq(pread(fd, &byte, 1, begin + spoilt[_i].at), 1);
		byte ^= 1;
		ck_assert_int_eq(pwrite(fd, &byte, 1, begin + spoilt[_i].at), 1);
	}
	ck_assert_msg(!known_find(k, &plain, &got, &size), "%s", spoilt[_i].name);
	known_close(k);
}
END_TEST

/* Nobody else's, or there are no notes. */
START_TEST(unknown)
{
	const struct digest plain = digest_number(1);
	struct known *k = known_open(scratch("mine"), 3);
	struct digest got;
	uint64_t size;

	ck_assert_ptr_nonnull(k);
	known_close(k);
	ck_assert_int_eq(chmod(scratch("mine/packed-layers"), 0622), 0);
	ck_assert_ptr_null(known_open(scratch("mine"), 3));
	ck_assert_int_eq(chmod(scratch("mine/packed-layers"), 0600), 0);
	ck_assert_int_eq(link(scratch("mine/packed-layers"), scratch("mine/other")), 0);
	ck_assert_ptr_null(known_open(scratch("mine"), 3));
	ck_assert_int_eq(chmod(scratch("mine"), 0777), 0);
	ck_assert_ptr_null(known_open(scratch("mine"), 3));
	ck_assert(!known_find(NULL, &plain, &got, &size));
	known_add(NULL, &plain, &plain, 1);
	known_close(NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("door");
	TCase *tc = tcase_create("door");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_test(tc, spool);
	tcase_add_test(tc, no_spool);
	tcase_add_test(tc, known);
	tcase_add_loop_test(tc, known_spoilt, 0, ARRAY_SIZE(spoilt));
	tcase_add_test(tc, unknown);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
