/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs of zeros are holes of a blob's file, and the blob is the same. */
#include "store/store.h"

#include "base/fd.h"
#include "scratch.h"
#include "unit.h"

#define BLOB_BYTES (4u << 20)
#define K          1024u

static const struct {
	const char *name;
	uint64_t from, to; /* zeros; all else is not */
	size_t write;      /* bytes of each write */
	uint64_t reserve;
	uint64_t hole; /* bytes of the file that aren't there */
} cases[] = {
	{ "none", 0, 0, 512 * K, 0, 0 },
	{ "a single page", 1024 * K, 1028 * K, 512 * K, 64 * K, 0 },
	{ "fifteen pages", 1024 * K, 1084 * K, 512 * K, 64 * K, 0 },
	{ "sixteen", 1024 * K, 1088 * K, 512 * K, 64 * K, 64 * K },
	{ "not at pages", 1024 * K - 1, 1088 * K + 4095, 512 * K, 64 * K, 64 * K },
	{ "one byte less than sixteen", 1024 * K + 1, 1088 * K, 512 * K, 64 * K, 0 },
	{ "over the ends of writes", 1000 * K, 3000 * K, 512 * K, 64 * K, 2000 * K },
	{ "of one write in two", 1492 * K, 1580 * K, 512 * K, 0, 0 },
	{ "large writes", 1000 * K, 3000 * K, 4096 * K, 0, 2000 * K },
	{ "the beginning", 0, 2048 * K, 512 * K, 0, 2048 * K },
	{ "behind a head", 64 * K, 2048 * K, 512 * K, 64 * K, 1984 * K },
	{ "the end", 2048 * K, 4096 * K, 512 * K, 64 * K, 2048 * K },
	{ "all", 0, 4096 * K, 512 * K, 0, 4096 * K },
	{ "gathered", 64 * K, 4096 * K, 4096, 0, 4032 * K },
	{ "writes smaller than that", 1000 * K, 3000 * K, 60001, 1, 0 },
};

static struct store *new_store(void)
{
	struct firn_error err = { 0 };
	struct store *s = NULL;
	_fd_ int dir = scratch_folder("layout");

	ck_ok(store_dir_open(dir, STORE_WRITE, &s, &err), err);
	return s;
}

static uint64_t holes_of(int fd)
{
	uint64_t holes = 0;
	off_t at = 0, data;

	while ((at = lseek(fd, at, SEEK_HOLE)) >= 0 && at < (off_t)BLOB_BYTES) {
		data = lseek(fd, at, SEEK_DATA);
		if (data < 0)
			data = BLOB_BYTES;
		holes += (uint64_t)(data - at);
		at = data;
	}
	return holes;
}

/* Not every file system has them, or tells where they are. */
static bool has_holes(void)
{
	_fd_ int fd = open(scratch("probe"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && ftruncate(fd, BLOB_BYTES) == 0 && holes_of(fd) == BLOB_BYTES;
}

static void write_blob(struct store *s, int i, const uint8_t *bytes, struct digest *ret)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	const uint64_t reserve = cases[i].reserve;
	struct firn_error err = { 0 };
	uint64_t size;

	ck_ok(blob_new(s, reserve, &w, &err), err);
	for (uint64_t at = reserve, n; at < BLOB_BYTES; at += n) {
		n = BLOB_BYTES - at < cases[i].write ? BLOB_BYTES - at : cases[i].write;
		ck_ok(blob_write(w, bytes + at, (size_t)n, &err), err);
	}
	if (reserve)
		ck_ok(blob_fill_head(w, bytes, (size_t)reserve, &err), err);
	ck_ok(blob_seal(w, ret, &size, &err), err);
	ck_assert_uint_eq(size, BLOB_BYTES);
	ck_assert_int_eq(blob_publish(w, &err), 0);
}

START_TEST(holes)
{
	_cleanup_(store_closep) struct store *s = new_store();
	_free_ uint8_t *bytes = malloc(BLOB_BYTES), *back = malloc(BLOB_BYTES);
	struct firn_error err = { 0 };
	struct digest d, want;
	uint64_t at, size, hole;
	_fd_ int fd = -1;

	for (size_t i = 0; i < BLOB_BYTES; i++)
		bytes[i] = i < cases[_i].from || i >= cases[_i].to ? (uint8_t)(i % 251 + 1) : 0;
	ck_ok(digest_of(bytes, BLOB_BYTES, &want, &err), err);
	write_blob(s, _i, bytes, &d);
	ck_assert(digest_equal(&d, &want));
	ck_ok(store_open_fd(s, &d, &fd, &at, &size, &err), err);
	ck_assert_uint_eq(size, BLOB_BYTES);
	ck_assert_int_eq(fd_pread(fd, back, BLOB_BYTES, at, &err), BLOB_BYTES);
	ck_assert_int_eq(memcmp(bytes, back, BLOB_BYTES), 0);
	hole = holes_of(fd);
	if (has_holes())
		ck_assert_msg(hole == cases[_i].hole, "%s: %llu bytes are holes, not %llu",
			      cases[_i].name, (unsigned long long)hole,
			      (unsigned long long)cases[_i].hole);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("holes");
	TCase *tc = tcase_create("holes");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, holes, 0, ARRAY_SIZE(cases));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
