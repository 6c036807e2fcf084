/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/run.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

void run_arg(struct run_args *a, const char *arg)
{
	if (a->n == RUN_ARGS_MAX) {
		a->full = true;
		return;
	}
	a->argv[a->n++] = arg;
	a->argv[a->n] = NULL;
}

void run_arg2(struct run_args *a, const char *name, const char *value)
{
	run_arg(a, name);
	run_arg(a, value);
}

static int found(const char *path, char **ret, struct firn_error *err)
{
	if (access(path, X_OK) < 0)
		return 0;
	*ret = strdup(path);
	return *ret ? 1 : firn_fail_oom(err, path);
}

int run_find(const char *name, char **ret, struct firn_error *err)
{
	if (strchr(name, '/'))
		return found(name, ret, err);
	for (const char *at = RUN_PATH; at; at = strchr(at, ':')) {
		char path[4200];
		int rc;

		at += *at == ':';
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(at, ":"), at, name) >=
		    (int)sizeof(path))
			return 0;
		rc = found(path, ret, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* What a child of any process can rely on: no signal is blocked, ignored or handled. */
static void plain_signals(void)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)sigaction(s, &plain, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The caller may have closed any of 0 to 2, so that ours lie there: they are moved out of the way.
 */
static int set_stdio(enum run_stdio stdio, int out)
{
	int null;

	if (stdio == RUN_STDIO_OURS)
		return 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	null = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, 3);
	out = stdio == RUN_STDIO_NULL ? null : fcntl(out, F_DUPFD_CLOEXEC, 3);
	return null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ? -1
												: 0;
}

/* What a program gets besides its arguments. */
struct passing {
	enum run_stdio stdio;
	int out;
	int fd; /* -1: none */
	const char *env;
};

/* Everything is closed for the program but 0 to 2 and what is passed on. */
static int set_descriptors(const struct passing *p, int *tell)
{
	unsigned first = RUN_PASSED_FD;

	if (set_stdio(p->stdio, p->out) < 0)
		return -1;
	if (p->fd >= 0) {
		*tell = fcntl(*tell, F_DUPFD_CLOEXEC, RUN_PASSED_FD + 1);
		if (*tell < 0 || (p->fd != RUN_PASSED_FD && dup2(p->fd, RUN_PASSED_FD) < 0) ||
		    fcntl(RUN_PASSED_FD, F_SETFD, 0) < 0)
			return -1;
		first++;
	}
	return (int)syscall(SYS_close_range, first, ~0u, CLOSE_RANGE_CLOEXEC);
}

/* In the child: system calls alone. What went wrong goes as an errno into @tell. */
static void child(const struct run_args *a, const struct passing *p, int tell)
{
	char *const env[] = { (char *)"PATH=" RUN_PATH, (char *)p->env, NULL };
	int why;

	plain_signals();
	if (set_descriptors(p, &tell) == 0)
		(void)execve(a->argv[0], (char *const *)a->argv, env);
	why = errno;
	(void)!write(tell, &why, sizeof(why));
	_exit(127);
}

static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int wait_for(pid_t pid, const char *name, struct firn_error *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return firn_fail_errno(err, "wait for %s", name);
	return status_of(status);
}

/* Returns the child's pid: it runs the program, or has ended since it can't be run. */
static pid_t start(const struct run_args *a, const struct passing *p, struct firn_error *err)
{
	int pipes[2], why = 0;
	ssize_t told;
	pid_t pid;

	if (a->full || a->n == 0)
		return firn_fail(err, FIRN_EINVAL, "more than %d arguments", RUN_ARGS_MAX);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return firn_fail_errno(err, "run %s: pipe", a->argv[0]);
	_fd_ int listen = pipes[0], tell = pipes[1];

	pid = fork();
	if (pid < 0)
		return firn_fail_errno(err, "run %s", a->argv[0]);
	if (pid == 0)
		child(a, p, tell);
	tell = fd_close(tell);
	told = fd_read(listen, &why, sizeof(why), NULL);
	if (told != (ssize_t)sizeof(why))
		return pid;
	(void)wait_for(pid, a->argv[0], NULL);
	errno = why;
	return firn_fail_errno(err, "run %s", a->argv[0]);
}

int run_wait(const struct run_args *a, enum run_stdio stdio, int out, struct firn_error *err)
{
	const struct passing p = { .stdio = stdio, .out = out, .fd = -1 };
	const pid_t pid = start(a, &p, err);

	return pid < 0 ? pid : wait_for(pid, a->argv[0], err);
}

int run_passing(const struct run_args *a, int fd, const char *env, int out, struct firn_error *err)
{
	const struct passing p = { .stdio = RUN_STDIO_FILE, .out = out, .fd = fd, .env = env };
	const pid_t pid = start(a, &p, err);

	return pid < 0 ? pid : wait_for(pid, a->argv[0], err);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What there is to read now, into @out as far as there is room. False at the end. */
static bool hear(int fd, char *out, size_t room, size_t *used)
{
	char rest[512];
	const bool full = *used == room;
	const ssize_t got = read(fd, full ? rest : out + *used, full ? sizeof(rest) : room - *used);

	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	*used += full ? 0 : (size_t)got;
	return got > 0;
}

#define ASK_PAUSE_MS 10

/* Its children may hold the pipe when it has ended, and it may go on when it has closed it. */
static int listen_to(pid_t pid, int fd, int64_t until, char *out, size_t room)
{
	_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0u);
	struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	size_t used = 0;
	int status;
	bool ended = false;

	for (int64_t left = until - now_ms(); left > 0; left = until - now_ms()) {
		const bool told = p[1].fd >= 0 || left < ASK_PAUSE_MS;

		if (poll(p, ARRAY_SIZE(p), told ? (int)left : ASK_PAUSE_MS) < 0)
			p[0].revents = 0;
		if (p[0].revents && !hear(fd, out, room, &used))
			p[0].fd = -1;
		out[used] = '\0';
		if (ended && (p[0].fd < 0 || p[0].revents == 0))
			return status_of(status);
		ended = ended || waitpid(pid, &status, WNOHANG) == pid;
		if (ended && p[0].fd < 0)
			return status_of(status);
		p[1].fd = ended ? -1 : pidfd;
	}
	if (ended)
		return status_of(status);
	(void)kill(pid, SIGKILL);
	(void)wait_for(pid, "", NULL);
	return -FIRN_EBUSY;
}

int run_ask(const struct run_args *a, unsigned seconds, char *out, size_t room,
	    struct firn_error *err)
{
	const int64_t until = now_ms() + (int64_t)seconds * 1000;
	int pipes[2], rc;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return firn_fail_errno(err, "run %s: pipe", a->argv[0]);
	_fd_ int listen = pipes[0], tell = pipes[1];

	const struct passing p = { .stdio = RUN_STDIO_FILE, .out = tell, .fd = -1 };

	pid = start(a, &p, err);
	tell = fd_close(tell);
	if (pid < 0)
		return pid;
	*out = '\0';
	rc = listen_to(pid, listen, until, out, room - 1);
	if (rc == -FIRN_EBUSY)
		return firn_fail(err, FIRN_EBUSY, "%s doesn't answer within %u seconds", a->argv[0],
				 seconds);
	return rc;
}
