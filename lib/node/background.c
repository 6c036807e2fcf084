/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/background.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Put the descriptors at their fixed places and close all others. */
static void keep_descriptors(const struct background *b)
{
	const int behind = BACKGROUND_FD + (int)b->nfds;
	int high[BACKGROUND_FDS_MAX], null;

	/* First out of the way: of a program that had 0, 1 or 2 closed they may have these numbers.
	 */
	for (size_t i = 0; i < b->nfds; i++)
		high[i] = b->fds[i] < 0 ? -1 : fcntl(b->fds[i], F_DUPFD_CLOEXEC, behind);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < BACKGROUND_FD; i++)
		(void)dup3(null, i, 0);
	if (null >= 0 && null < BACKGROUND_FD)
		(void)fcntl(null, F_SETFD, 0);
	for (size_t i = 0; i < b->nfds; i++) {
		if (high[i] < 0)
			(void)close(BACKGROUND_FD + (int)i);
		else
			(void)dup3(high[i], BACKGROUND_FD + (int)i, O_CLOEXEC);
	}
	(void)syscall(SYS_close_range, (unsigned)behind, ~0u, 0u);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Close all but the ones that are kept; also of 0, 1 and 2, where they may lie as well. */
static void close_others(const struct background *b)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_free_ int *keep = calloc(b->nkeep + 1, sizeof(*keep));
	unsigned from = BACKGROUND_FD;
	bool kept[BACKGROUND_FD] = { false };

	if (!keep)
		_exit(1);
	for (size_t i = 0; i < b->nkeep; i++) {
		keep[i] = b->keep[i];
		if (keep[i] < BACKGROUND_FD)
			kept[keep[i]] = true;
	}
	for (int i = 0; i < BACKGROUND_FD; i++)
		if (!kept[i])
			(void)dup2(null, i);
	qsort(keep, b->nkeep, sizeof(*keep), by_number);
	for (size_t i = 0; i < b->nkeep; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			(void)syscall(SYS_close_range, from, (unsigned)keep[i] - 1, 0u);
		from = (unsigned)keep[i] + 1;
	}
	(void)syscall(SYS_close_range, from, ~0u, 0u);
}

static void run(const struct background *b)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)prctl(PR_SET_NAME, b->name);
	(void)!chdir("/");
	(void)umask(022);
	if (b->keep)
		close_others(b);
	else
		keep_descriptors(b);
	b->run(b->ctx);
}

int background_start(const struct background *b, struct firn_error *err)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return firn_fail_errno(err, "%s: fork", b->what);
	if (pid == 0) {
		/* The second fork can't get a terminal again and is reparented at once. */
		if (setsid() < 0)
			_exit(1);
		pid = fork();
		if (pid == 0)
			run(b);
		_exit(pid < 0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return firn_fail_errno(err, "%s: wait", b->what);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return firn_fail(err, FIRN_EFAIL, "%s: no process for it", b->what);
	return 0;
}
