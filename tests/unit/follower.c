/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/follower.h"

#include "base/fd.h"
#include "unit.h"

#include <fcntl.h>
#include <string.h>

#define FILE_BYTES (3u << 20)

static uint8_t *some_bytes(size_t n)
{
	uint8_t *bytes = malloc(n);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	return bytes;
}

/* Unnamed, in the folder where the tests run. */
static int empty_file(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static const struct {
	size_t size, step;
} walks[] = {
	{ 0, 1 },
	{ 1, 1 },
	{ 4096, 1 },
	{ FILE_BYTES, 4096 },
	{ FILE_BYTES, 777777 },
	{ FILE_BYTES, FILE_BYTES },
	{ FILE_BYTES - 1, 65536 },
};

START_TEST(same_as_at_once)
{
	const size_t size = walks[_i].size, step = walks[_i].step;
	_free_ uint8_t *bytes = some_bytes(size + 1);
	_fd_ int fd = empty_file();
	struct firn_error err = { 0 };
	struct digest want, got;
	struct follower *f;

	ck_ok(digest_of(bytes, size, &want, &err), err);
	ck_ok(follower_start(fd, DIGEST_SHA256, &f, &err), err);
	for (size_t at = 0; at < size; at += step) {
		const size_t n = size - at < step ? size - at : step;

		ck_ok(fd_pwrite(fd, bytes + at, n, at, &err), err);
		follower_advance(f, at + n);
	}
	ck_ok(follower_finish(f, &got, &err), err);
	ck_assert(digest_equal(&want, &got));
	follower_free(f);
}
END_TEST

/* Told of bytes that the file doesn't have. */
START_TEST(lost_bytes)
{
	_fd_ int fd = empty_file();
	struct firn_error err = { 0 };
	struct digest got;
	struct follower *f;

	ck_ok(follower_start(fd, DIGEST_SHA256, &f, &err), err);
	follower_advance(f, 10);
	ck_assert_int_eq(follower_finish(f, &got, &err), -FIRN_EFAIL);
	ck_assert_ptr_nonnull(strstr(err.msg, "lost bytes"));
	follower_free(f);
}
END_TEST

START_TEST(thrown_away)
{
	_free_ uint8_t *bytes = some_bytes(FILE_BYTES);
	_fd_ int fd = empty_file();
	struct firn_error err = { 0 };
	struct follower *f;

	ck_ok(fd_pwrite(fd, bytes, FILE_BYTES, 0, &err), err);
	ck_ok(follower_start(fd, DIGEST_SHA256, &f, &err), err);
	follower_free(f);
	ck_ok(follower_start(fd, DIGEST_SHA256, &f, &err), err);
	follower_advance(f, FILE_BYTES);
	follower_free(f);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("follower");
	TCase *tc = tcase_create("follower");

	tcase_add_loop_test(tc, same_as_at_once, 0, ARRAY_SIZE(walks));
	tcase_add_test(tc, lost_bytes);
	tcase_add_test(tc, thrown_away);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
