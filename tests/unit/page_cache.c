/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel tells of its page cache, and that the window leaves files alone that aren't on a
 * mounted layer. */
#include "kernel/page_cache.h"

#include "base/fd.h"
#include "node/window.h"
#include "scratch.h"
#include "unit.h"

#include <stdbool.h>

#define MIB (1u << 20)

static int make(const char *name, uint64_t size)
{
	int fd = open(scratch(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void make_cached(int fd, uint64_t at)
{
	ck_assert_int_eq(fd_pwrite(fd, "x", 1, at, NULL), 0);
}

/* A kernel before 6.5 tells nothing: then all ends are where they begin. */
static bool tells(int fd)
{
	return page_cache_count(fd, 0, 1) >= 0;
}

/* The first page is cached, the third one behind 2 MiB, and the last one before 8 MiB. */
static const struct {
	uint64_t from, to, end;
} ends_cases[] = {
	{ 0, 16 * MIB, 8 * MIB },
	{ MIB / 2, 16 * MIB, 8 * MIB + MIB / 2 },
	{ 0, 4 * MIB, 3 * MIB },
	{ 3 * MIB, 7 * MIB, 3 * MIB },
	{ 0, 2 * MIB + 9000, 2 * MIB + 9000 },
	{ 9 * MIB, 16 * MIB, 9 * MIB },
	{ 5, 5, 5 },
	{ 16 * MIB, 16 * MIB, 16 * MIB },
	{ 17 * MIB, 16 * MIB, 17 * MIB },
};

START_TEST(ends)
{
	char name[16];
	const uint64_t from = ends_cases[_i].from, to = ends_cases[_i].to;

	snprintf(name, sizeof(name), "ends%d", _i);
	_fd_ int fd = make(name, 16 * MIB);

	make_cached(fd, 0);
	make_cached(fd, 2 * MIB + 8192);
	make_cached(fd, 8 * MIB - 1);
	ck_assert_uint_eq(page_cache_end(fd, from, to), tells(fd) ? ends_cases[_i].end : from);
}
END_TEST

START_TEST(count)
{
	_fd_ int fd = make("count", MIB);

	make_cached(fd, 4096);
	ck_assert(page_cache_count(fd, 4096, 8192) > 0 || !tells(fd));
	ck_assert_int_eq(page_cache_count(fd, 65536, 131072), tells(fd) ? 0 : -1);
	ck_assert_int_eq(page_cache_count(fd, 8192, 8192), 0);
	ck_assert_int_eq(page_cache_count(fd, 8192, 4096), 0);
}
END_TEST

/* Neither changes what is read. */
START_TEST(content)
{
	char byte = 0;
	_fd_ int fd = make("content", 4 * MIB);

	make_cached(fd, 2 * MIB);
	page_cache_drop(fd, 0, 4 * MIB);
	page_cache_drop(fd, 4 * MIB, 0);
	page_cache_no_read_ahead(fd);
	page_cache_pull(fd, 2 * MIB);
	page_cache_pull(fd, 4 * MIB);
	ck_assert_int_eq(fd_pread(fd, &byte, 1, 2 * MIB, NULL), 1);
	ck_assert_int_eq(byte, 'x');
}
END_TEST

START_TEST(no_window)
{
	_fd_ int fd = -1;

	ck_assert_int_eq(mkdir(scratch("images"), 0700), 0);
	ck_assert_ptr_null(window_open(scratch("images"), NULL));
	fd = make("images/pages-1.img", MIB);
	ck_assert_ptr_null(window_open(scratch("images"), NULL));
	ck_assert_ptr_null(window_open(scratch("nothing"), "/nowhere/id"));
	ck_assert_ptr_null(window_close(NULL));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("page_cache");
	TCase *tc = tcase_create("page_cache");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, ends, 0, ARRAY_SIZE(ends_cases));
	tcase_add_test(tc, count);
	tcase_add_test(tc, content);
	tcase_add_test(tc, no_window);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
