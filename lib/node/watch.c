/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/watch.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { PIDFD = 3, LOCK, WRITES, OUTPUT, KEPT };

/* Put the descriptors at their fixed places and close all others. */
static void keep_descriptors(const struct watch *w)
{
	const int fds[] = { w->pidfd, w->lock, w->writes, w->output };
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high[ARRAY_SIZE(fds)];

	for (int i = 0; i <= 2; i++)
		(void)dup2(null, i);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, KEPT);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (high[i] < 0)
			(void)close(PIDFD + (int)i);
		else
			(void)dup3(high[i], PIDFD + (int)i, O_CLOEXEC);
	}
	(void)syscall(SYS_close_range, (unsigned)KEPT, ~0u, 0u);
}

/* A terminal or pipe that nobody reads stops its container once it is full. False at its end. */
static bool drain(int writes, int output)
{
	char bytes[4096];
	const ssize_t n = read(writes, bytes, sizeof(bytes));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n > 0 && output >= 0)
		(void)!fd_write(output, bytes, (size_t)n, NULL);
	return n > 0;
}

static void wait_for_end(bool writes, int output)
{
	struct pollfd p[] = {
		{ .fd = PIDFD, .events = POLLIN },
		{ .fd = writes ? WRITES : -1, .events = POLLIN },
	};

	for (;;) {
		const int n = poll(p, ARRAY_SIZE(p), -1);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && p[1].revents && !drain(WRITES, output))
			p[1].fd = -1;
		else if (n > 0 && p[0].revents && !p[1].revents)
			return;
	}
}

static void watching(const struct watch *w)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)prctl(PR_SET_NAME, "firn-watch");
	(void)!chdir("/");
	(void)umask(022);
	keep_descriptors(w);
	wait_for_end(w->writes >= 0, w->output >= 0 ? OUTPUT : -1);
	w->ended(w->ctx);
}

int watch_start(const struct watch *w, struct firn_error *err)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return firn_fail_errno(err, "watch the container: fork");
	if (pid == 0) {
		/* The second fork can't get a terminal again and is reparented at once. */
		if (setsid() < 0)
			_exit(1);
		pid = fork();
		if (pid == 0)
			watching(w);
		_exit(pid < 0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return firn_fail_errno(err, "watch the container: wait");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return firn_fail(err, FIRN_EFAIL, "watch the container: no process for it");
	return 0;
}
