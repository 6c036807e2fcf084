/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The userfaultfds of another process are held as long as it has them, and when it died with them.
 */
#include "node/faults.h"

#include "unit.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NFAULTS 3

struct other {
	pid_t pid;
	int pidfd, told, orders;
};

static int open_fault(void)
{
	return (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
}

#define CLOSE   "c"
#define REPLACE "r" /* close it, and open another one, which gets its number */

/* Does to one of them after the other what it is told, and answers. */
static void other_runs(int orders, int tell)
{
	int fds[NFAULTS];
	char byte;

	for (int i = 0; i < NFAULTS; i++)
		fds[i] = open_fault();
	for (int i = 0; write(tell, "", 1) == 1 && read(orders, &byte, 1) == 1; i++) {
		close(fds[i % NFAULTS]);
		if (byte == *REPLACE && open_fault() != fds[i % NFAULTS])
			_exit(1);
	}
	_exit(0);
}

static void hear(const struct other *o)
{
	char byte;

	ck_assert_int_eq(read(o->told, &byte, 1), 1);
}

static void other_start(struct other *o)
{
	int orders[2], told[2];

	ck_assert_int_eq(pipe2(orders, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
	o->pid = fork();
	if (o->pid == 0)
		other_runs(orders[0], told[1]);
	close(orders[0]);
	close(told[1]);
	o->orders = orders[1];
	o->told = told[0];
	o->pidfd = (int)syscall(SYS_pidfd_open, o->pid, 0u);
	ck_assert_int_ge(o->pidfd, 0);
	hear(o);
}

START_TEST(follow)
{
	const int fault = open_fault();
	struct faults f = { .n = 0 };
	struct other o;
	int status;

	if (fault < 0)
		return; /* under valgrind, which knows no such call */
	close(fault);
	other_start(&o);
	faults_follow(&f, o.pidfd, o.pid);
	ck_assert_uint_eq(f.n, NFAULTS);
	faults_follow(&f, o.pidfd, o.pid);
	ck_assert_uint_eq(f.n, NFAULTS);
	ck_assert_int_eq(write(o.orders, CLOSE, 1), 1);
	hear(&o);
	faults_follow(&f, o.pidfd, o.pid);
	ck_assert_uint_eq(f.n, NFAULTS - 1);
	kill(o.pid, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)o.pid, NULL, WEXITED | WNOWAIT), 0);
	faults_follow(&f, o.pidfd, o.pid); /* a zombie */
	ck_assert_uint_eq(f.n, NFAULTS - 1);
	ck_assert_int_eq(waitpid(o.pid, &status, 0), o.pid);
	faults_follow(&f, o.pidfd, o.pid);
	ck_assert_uint_eq(f.n, NFAULTS - 1);
	faults_release(&f);
	ck_assert_uint_eq(f.n, 0);
}
END_TEST

/* Of a number that another one has got meanwhile, the other one is held. */
START_TEST(number_again)
{
	const int fault = open_fault();
	struct faults f = { .n = 0 };
	struct other o;
	int status;

	if (fault < 0)
		return; /* under valgrind */
	close(fault);
	other_start(&o);
	faults_follow(&f, o.pidfd, o.pid);
	ck_assert_uint_eq(f.n, NFAULTS);
	ck_assert_int_eq(write(o.orders, REPLACE, 1), 1);
	hear(&o);
	faults_follow(&f, o.pidfd, o.pid);
	ck_assert_uint_eq(f.n, NFAULTS);
	for (size_t i = 0; i < f.n; i++)
		ck_assert_int_eq(
		    syscall(SYS_kcmp, getpid(), o.pid, KCMP_FILE, f.held[i].ours, f.held[i].theirs),
		    0);
	kill(o.pid, SIGKILL);
	ck_assert_int_eq(waitpid(o.pid, &status, 0), o.pid);
	faults_release(&f);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("faults");
	TCase *tc = tcase_create("faults");

	tcase_add_test(tc, follow);
	tcase_add_test(tc, number_again);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
