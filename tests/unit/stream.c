/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/stream.h"

#include "base/fd.h"
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

static int memfile(const void *bytes, size_t n)
{
	struct firn_error err = { 0 };
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_ok(fd_write(fd, bytes, n, &err), err);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* A stream that gives one byte a call and fails after @good bytes. */
struct drip {
	struct istream in;
	size_t good;
};

static ssize_t drip_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct drip *d = (struct drip *)in;

	ck_assert_uint_gt(n, 0);
	if (d->good == 0)
		return firn_fail(err, FIRN_EFAIL, "the drip is dry");
	d->good--;
	*(char *)buf = 'x';
	return 1;
}

static void drip_close(struct istream *in)
{
	((struct drip *)in)->good = 77;
}

static const struct istream_ops drip_ops = { drip_read, drip_close };

static const struct {
	const char *name;
	size_t have, max;
	int rc;
} all_cases[] = {
	{ "empty, limit 0", 0, 0, 0 },
	{ "one, limit 0", 1, 0, -FIRN_ELIMIT },
	{ "at the limit", 100, 100, 0 },
	{ "one above", 101, 100, -FIRN_ELIMIT },
	{ "first buffer exactly", 4096, 1 << 20, 0 },
	{ "first buffer and one", 4097, 1 << 20, 0 },
	{ "several buffers", 100000, 100000, 0 },
	{ "several buffers and one", 100001, 100000, -FIRN_ELIMIT },
};

START_TEST(read_all)
{
	size_t have = all_cases[_i].have, len = 4242;
	struct firn_error err = { 0 };
	struct istream *in = NULL;
	char *bytes = malloc(have + 1), *text = NULL;
	int rc;

	memset(bytes, 'a', have);
	ck_ok(istream_from_mem(bytes, have, &in, &err), err);
	rc = istream_read_all(in, all_cases[_i].max, &text, &len, &err);
	ck_assert_msg(rc == all_cases[_i].rc, "%s: %d", all_cases[_i].name, rc);
	if (rc == 0) {
		ck_assert_uint_eq(len, have);
		ck_assert_mem_eq(text, bytes, have);
		ck_assert_int_eq(text[have], '\0');
	} else {
		ck_assert_ptr_null(text);
		ck_assert_uint_eq(len, 4242);
	}
	istream_close(in);
	free(text);
	free(bytes);
}
END_TEST

START_TEST(read_full)
{
	struct drip d = { { &drip_ops }, 5 };
	struct firn_error err = { 0 };
	struct istream *in = &d.in;
	char buf[8];

	ck_assert_int_eq(istream_read_full(in, buf, 0, &err), 0);
	ck_assert_int_eq(istream_read_full(in, buf, 3, &err), 3);
	ck_assert_int_eq(istream_read_full(in, buf, 3, &err), -FIRN_EFAIL);
	ck_assert_str_eq(err.msg, "the drip is dry");
	istream_closep(&in);
	ck_assert_ptr_null(in);
	ck_assert_uint_eq(d.good, 77);
	istream_closep(&in);
}
END_TEST

/* A descriptor is taken and closed; reading starts where it stands. */
START_TEST(from_fd)
{
	int fd = memfile("0123456789", 10);
	struct firn_error err = { 0 };
	struct istream *in = NULL;
	char buf[16];

	ck_assert_int_eq(lseek(fd, 4, SEEK_SET), 4);
	ck_ok(istream_from_fd(fd, &in, &err), err);
	ck_assert_int_eq(istream_read_full(in, buf, sizeof(buf), &err), 6);
	ck_assert_mem_eq(buf, "456789", 6);
	ck_assert_int_eq(istream_read(in, buf, sizeof(buf), &err), 0);
	istream_close(in);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_ok(istream_from_fd(-1, &in, &err), err);
	ck_assert_int_eq(istream_read(in, buf, 1, &err), -FIRN_EFAIL);
	istream_close(in);
}
END_TEST

/* The same ten bytes as memory, as a file and as ranges of both. */
static struct source *open_source(int kind, int fd, struct source **whole)
{
	struct firn_error err = { 0 };
	struct source *src = NULL;

	*whole = NULL;
	switch (kind) {
	case 0:
		ck_ok(source_from_mem("0123456789", 10, &src, &err), err);
		return src;
	case 1:
		ck_ok(source_from_fd(fd, &src, &err), err);
		return src;
	case 2:
		ck_ok(source_from_mem("ab0123456789cd", 14, whole, &err), err);
		ck_ok(source_range(*whole, 2, 10, &src, &err), err);
		return src;
	default:
		ck_ok(source_from_fd(fd, whole, &err), err);
		ck_ok(source_range(*whole, 0, 10, &src, &err), err);
		return src;
	}
}

static const struct {
	uint64_t at;
	size_t n;
	ssize_t got;
	const char *bytes;
} pread_cases[] = {
	{ 0, 10, 10, "0123456789" },
	{ 0, 4, 4, "0123" },
	{ 6, 4, 4, "6789" },
	{ 6, 5, 4, "6789" },
	{ 9, 1, 1, "9" },
	{ 10, 1, 0, "" },
	{ 11, 1, 0, "" },
	{ 3, 0, 0, "" },
	{ UINT64_MAX, 16, 0, "" },
	{ 1ull << 63, 16, 0, "" },
};

START_TEST(pread_at)
{
	int fd = memfile("0123456789", 10);
	struct firn_error err = { 0 };
	char buf[16];

	for (int kind = 0; kind < 4; kind++) {
		struct source *whole, *src = open_source(kind, fd, &whole);
		size_t n = pread_cases[_i].n;
		uint64_t at = pread_cases[_i].at;

		ck_assert_uint_eq(src->size, 10);
		ck_assert_int_eq(source_pread(src, buf, n, at, &err), pread_cases[_i].got);
		ck_assert_mem_eq(buf, pread_cases[_i].bytes, pread_cases[_i].got);
		ck_assert_int_eq(source_read_at(src, buf, n, at, &err),
				 pread_cases[_i].got == (ssize_t)n ? 0 : -FIRN_ECORRUPT);
		source_close(src);
		source_close(whole);
	}
	close(fd);
}
END_TEST

/* A range never shows what lies behind it. */
START_TEST(range_end)
{
	struct firn_error err = { 0 };
	struct source *whole = NULL, *range = NULL;
	char buf[8];

	ck_ok(source_from_mem("secret:value", 12, &whole, &err), err);
	ck_ok(source_range(whole, 0, 6, &range, &err), err);
	ck_assert_int_eq(source_pread(range, buf, sizeof(buf), 4, &err), 2);
	source_closep(&range);
	ck_assert_ptr_null(range);
	ck_ok(source_range(whole, 12, 0, &range, &err), err);
	ck_assert_int_eq(source_pread(range, buf, 1, 0, &err), 0);
	source_closep(&range);
	ck_assert_int_eq(source_range(whole, 0, 13, &range, &err), -FIRN_ECORRUPT);
	ck_assert_int_eq(source_range(whole, 13, 0, &range, &err), -FIRN_ECORRUPT);
	ck_assert_int_eq(source_range(whole, 2, UINT64_MAX, &range, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_null(range);
	source_closep(&whole);
	source_close(NULL);
}
END_TEST

/* A file that shrinks after it was opened gives short reads, which read_at calls corrupt. */
START_TEST(shrinking_file)
{
	int fd = memfile("0123456789", 10);
	struct firn_error err = { 0 };
	struct source *src = NULL;
	char buf[10];

	ck_ok(source_from_fd(fd, &src, &err), err);
	ck_assert_int_eq(ftruncate(fd, 3), 0);
	ck_assert_int_eq(source_pread(src, buf, 10, 0, &err), 3);
	ck_assert_int_eq(source_read_at(src, buf, 10, 0, &err), -FIRN_ECORRUPT);
	source_close(src);
	close(fd);
}
END_TEST

START_TEST(no_regular_file)
{
	_fd_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct firn_error err = { 0 };
	struct source *src = NULL;

	ck_assert_int_eq(source_from_fd(fd, &src, &err), -FIRN_EINVAL);
	ck_assert_int_eq(source_from_fd(-1, &src, &err), -FIRN_EFAIL);
	ck_assert_ptr_null(src);
}
END_TEST

START_TEST(from_source)
{
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct istream *in = NULL;
	char *text = NULL;

	ck_ok(source_from_mem("0123456789", 10, &src, &err), err);
	ck_ok(istream_from_source(src, &in, &err), err);
	ck_ok(istream_read_all(in, 10, &text, NULL, &err), err);
	ck_assert_str_eq(text, "0123456789");
	free(text);
	istream_close(in);
	source_close(src);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("stream");
	TCase *tc = tcase_create("stream");

	tcase_add_loop_test(tc, read_all, 0, ARRAY_SIZE(all_cases));
	tcase_add_test(tc, read_full);
	tcase_add_test(tc, from_fd);
	tcase_add_loop_test(tc, pread_at, 0, ARRAY_SIZE(pread_cases));
	tcase_add_test(tc, range_end);
	tcase_add_test(tc, shrinking_file);
	tcase_add_test(tc, no_regular_file);
	tcase_add_test(tc, from_source);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
