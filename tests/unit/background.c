/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process in the background has the descriptors it was given at their places, and no others. */
#include "node/background.h"

#include "unit.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FDS_OPEN_MAX 64

static bool is_null(int fd)
{
	struct stat st, null;

	return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev &&
	       !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* What it has, a character each: 0 null, t a pipe's end, - closed. */
static void describe(char text[FDS_OPEN_MAX + 1])
{
	for (int fd = 0; fd < FDS_OPEN_MAX; fd++) {
		struct stat st;

		text[fd] = is_null(fd)            ? '0'
			   : fstat(fd, &st) < 0   ? '-'
			   : S_ISFIFO(st.st_mode) ? 't'
						  : '?';
	}
}

static void tell(void *ctx)
{
	char text[FDS_OPEN_MAX + 1] = "";

	(void)ctx;
	describe(text);
	(void)!write(BACKGROUND_FD + 1, text, FDS_OPEN_MAX);
}

static void tell_kept(void *ctx)
{
	char text[FDS_OPEN_MAX + 1] = "";

	describe(text);
	(void)!write(*(int *)ctx, text, FDS_OPEN_MAX);
}

/* Without the first @closed of the standard descriptors, and with many others. */
static void start(int closed, const int pipe_fds[2])
{
	struct firn_error err = { 0 };
	struct background b = { .name = "test",
				.what = "test",
				.fds = { pipe_fds[0], pipe_fds[1], -1 },
				.nfds = 3,
				.run = tell };
	int ends[2] = { pipe_fds[0], pipe_fds[1] };

	for (int i = 0; i < closed; i++)
		close(i);
	for (int i = 0; i < closed && i < 2; i++)
		ends[i] = fcntl(pipe_fds[i], F_DUPFD_CLOEXEC, 0);
	memcpy(b.fds, ends, sizeof(ends));
	for (int i = 0; i < 20; i++)
		(void)!dup(pipe_fds[0]);
	_exit(background_start(&b, &err) < 0);
}

START_TEST(descriptors)
{
	char text[FDS_OPEN_MAX + 1] = "", want[FDS_OPEN_MAX + 1];
	int ends[2], status;
	size_t n = 0;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		start(_i, ends);
	close(ends[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	while (n < FDS_OPEN_MAX) {
		const ssize_t got = read(ends[0], text + n, FDS_OPEN_MAX - n);

		ck_assert_int_gt(got, 0);
		n += (size_t)got;
	}
	memset(want, '-', FDS_OPEN_MAX);
	want[FDS_OPEN_MAX] = '\0';
	memcpy(want, "000tt", 5);
	ck_assert_str_eq(text, want);
	close(ends[0]);
}
END_TEST

/* One is kept, which has the lowest number that is free. */
static void start_kept(int closed, const int pipe_fds[2])
{
	struct firn_error err = { 0 };
	int kept;

	for (int i = 0; i < closed; i++)
		close(i);
	kept = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, 0);
	for (int i = 0; i < 20; i++)
		(void)!dup(pipe_fds[0]);
	_exit(background_start(&(struct background){ .name = "test",
						     .what = "test",
						     .keep = &kept,
						     .nkeep = 1,
						     .run = tell_kept,
						     .ctx = &kept },
			       &err) < 0);
}

START_TEST(kept_where_they_are)
{
	char text[FDS_OPEN_MAX + 1] = "";
	int ends[2], status;
	size_t ours;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		start_kept(_i, ends);
	close(ends[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(read(ends[0], text, FDS_OPEN_MAX), FDS_OPEN_MAX);
	close(ends[0]);
	ours = strcspn(text, "t");
	ck_assert_msg(_i ? ours == 0 : ours >= 3, "%s", text);
	for (size_t i = 0; i < FDS_OPEN_MAX; i++)
		ck_assert_msg(i == ours || text[i] == (i < 3 ? '0' : '-'), "%s", text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("background");
	TCase *tc = tcase_create("background");

	tcase_add_loop_test(tc, descriptors, 0, 4);
	tcase_add_loop_test(tc, kept_where_they_are, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
