/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "base/path.h"
#include "scratch.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const struct {
	const char *name, *plain; /* NULL: refused */
	int rc;
	const char *why;
} names[] = {
	{ "", "", 0, NULL },
	{ ".", "", 0, NULL },
	{ "./", "", 0, NULL },
	{ "a", "a", 0, NULL },
	{ "./a//b/", "a/b", 0, NULL },
	{ "a/./b", "a/b", 0, NULL },
	{ "...", "...", 0, NULL },
	{ "..a/b..", "..a/b..", 0, NULL },
	{ ".wh.a", ".wh.a", 0, NULL },
	{ "/", NULL, -FIRN_ECORRUPT, "entry \"/\": is absolute" },
	{ "/a", NULL, -FIRN_ECORRUPT, "entry \"/a\": is absolute" },
	{ "..", NULL, -FIRN_ECORRUPT, "entry \"..\": leaves the rootfs" },
	{ "../a", NULL, -FIRN_ECORRUPT, "entry \"../a\": leaves the rootfs" },
	{ "a/../b", NULL, -FIRN_ECORRUPT, "entry \"a/../b\": leaves the rootfs" },
	{ "a/..", NULL, -FIRN_ECORRUPT, "entry \"a/..\": leaves the rootfs" },
	{ "a\n/..", NULL, -FIRN_ECORRUPT, "entry \"a?/..\": leaves the rootfs" },
};

START_TEST(normalise)
{
	struct firn_error err = { 0 };
	char *plain = NULL;
	int rc = path_normalise(names[_i].name, &plain, &err);

	ck_assert_int_eq(rc, names[_i].rc);
	if (rc < 0)
		ck_assert_str_eq(err.msg, names[_i].why);
	else
		ck_assert_str_eq(plain, names[_i].plain);
	free(plain);
}
END_TEST

static void fill(char *to, const char *piece, size_t times)
{
	*to = '\0';
	while (times--)
		to = stpcpy(to, piece);
}

/* Each limit is kept, and one more is refused. */
START_TEST(limits)
{
	static char name[2 * PATH_MEMBER_MAX];
	struct firn_error err = { 0 };
	char *plain = NULL;

	fill(name, "x", PATH_NAME_MAX);
	ck_ok(path_normalise(name, &plain, &err), err);
	free(plain);
	fill(name, "x", PATH_NAME_MAX + 1);
	ck_assert_int_eq(path_normalise(name, &plain, &err), -FIRN_ELIMIT);

	fill(name, "d/", PATH_MEMBER_DEPTH);
	ck_ok(path_normalise(name, &plain, &err), err);
	free(plain);
	fill(name, "d/", PATH_MEMBER_DEPTH + 1);
	ck_assert_int_eq(path_normalise(name, &plain, &err), -FIRN_ELIMIT);

	fill(name, "/./", PATH_MEMBER_MAX / 3);
	ck_ok(path_normalise(name + 1, &plain, &err), err);
	ck_assert_str_eq(plain, "");
	free(plain);
	fill(name, "./", PATH_MEMBER_MAX / 2 + 1);
	ck_assert_int_eq(path_normalise(name, &plain, &err), -FIRN_ELIMIT);
}
END_TEST

/* A message has a bounded piece of the name, its beginning and its end. */
START_TEST(quote)
{
	char quoted[PATH_QUOTE_MAX], name[4096];

	ck_assert_str_eq(path_quote("a\033[1m\177b", quoted), "\"a?[1m?b\"");
	fill(name, "0123456789", 300);
	name[0] = 'A';
	name[2999] = 'Z';
	path_quote(name, quoted);
	ck_assert_uint_eq(strlen(quoted), PATH_QUOTE_MAX - 1);
	ck_assert_int_eq(strncmp(quoted, "\"A123", 5), 0);
	ck_assert_str_eq(quoted + PATH_QUOTE_MAX - 4, "8Z\"");
	ck_assert_ptr_nonnull(strstr(quoted, "..."));
}
END_TEST

/* From here on openat2 is not there, as on kernels before 5.6 and under some container engines. */
static void take_openat2_away(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = 4, .filter = code };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	ck_assert_int_eq(syscall(SYS_openat2, -1, ".", NULL, 0), -1);
	ck_assert_int_eq(errno, ENOSYS);
}

static int make_tree(void)
{
	int fd = scratch_folder("in");

	scratch_write("out", "secret", 6);
	ck_assert_int_eq(mkdir(scratch("in/d"), 0700), 0);
	scratch_write("in/d/f", "12345", 5);
	ck_assert_int_eq(symlink("../out", scratch("in/up")), 0);
	ck_assert_int_eq(symlink("d", scratch("in/same")), 0);
	ck_assert_int_eq(symlink("..", scratch("in/d/back")), 0);
	ck_assert_int_eq(mkfifo(scratch("in/fifo"), 0600), 0);
	return fd;
}

static const struct {
	const char *name;
	bool file; /* path_open_file() opens it */
} there[] = {
	{ "d/f", true }, { "d//f", true }, { "./d/./f", true }, { "d", false }, { "", false },
};

/* Outside, or by a link. */
static const char *const refused[] = {
	"../out", "d/../../out", "/etc/passwd", "up", "same", "same/f", "d/back/d/f", "..",
};

static void open_all(int dirfd)
{
	struct firn_error err = { 0 };
	uint64_t size = 77;

	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		int fd = path_open_beneath(dirfd, there[i].name, O_RDONLY, 0, &err);

		ck_assert_msg(fd >= 0, "%s: %s", there[i].name, err.msg);
		ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
		close(fd);
		fd = path_open_file(dirfd, there[i].name, O_RDONLY, &size, &err);
		ck_assert_msg((fd >= 0) == there[i].file, "%s", there[i].name);
		ck_assert_int_eq(fd < 0 ? fd : 0, there[i].file ? 0 : -FIRN_ECORRUPT);
		ck_assert_uint_eq(size, 5);
		if (fd < 0)
			continue;
		close(fd);
		fd = path_open_file(dirfd, there[i].name, O_PATH, &size, &err);
		ck_assert_msg(fd >= 0, "%s: %s", there[i].name, err.msg);
		close(fd);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		size = 77;
		ck_assert_msg(path_open_beneath(dirfd, refused[i], O_RDONLY, 0, &err) < 0, "%s",
			      refused[i]);
		ck_assert_msg(path_open_file(dirfd, refused[i], O_RDONLY, &size, &err) < 0, "%s",
			      refused[i]);
		ck_assert_uint_eq(size, 77);
	}
	/* Nobody writes to it: the call comes back all the same. */
	ck_assert_int_eq(path_open_file(dirfd, "fifo", O_RDONLY, &size, &err), -FIRN_ECORRUPT);
	ck_assert_str_eq(err.msg, "is no regular file");
	ck_assert_int_eq(path_open_file(dirfd, "none", O_RDONLY, &size, &err), -FIRN_ENOTFOUND);
}

START_TEST(open_beneath)
{
	int fd = make_tree();

	open_all(fd);
	close(fd);
}
END_TEST

/* Last: without forks, the filter stays. */
START_TEST(open_by_steps)
{
	int fd = make_tree();

	take_openat2_away();
	open_all(fd);
	close(fd);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("path");
	TCase *t = tcase_create("path");

	tcase_add_unchecked_fixture(t, scratch_setup, scratch_teardown);
	tcase_add_loop_test(t, normalise, 0, (int)(sizeof(names) / sizeof(names[0])));
	tcase_add_test(t, limits);
	tcase_add_test(t, quote);
	tcase_add_test(t, open_beneath);
	tcase_add_test(t, open_by_steps);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
