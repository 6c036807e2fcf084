/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/lazy.h"

#include "base/fd.h"
#include "base/run.h"
#include "node/background.h"
#include "node/faults.h"
#include "node/kill.h"
#include "node/reason.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>

#define FOLLOW_MS 20 /* a process that has all its pages may wait as long for a page of zeros */
#define LOG       "lazy-pages.log"
#define PID_FILE  "lazy-pages.pid"

enum word { READY = 'r', FAILED = 'f', KEEP = 'k', ALL_IN = 'a', LOST = 'l' };

/* One at a time goes over the socket. */
struct word_said {
	char word;      /* enum word */
	int pid;        /* KEEP */
	char text[480]; /* FAILED: why; KEEP: what sentences call the process */
};

/* The process in the background. */
struct keeper {
	const struct slot *slot;
	const char *criu, *images, *work;
	int sock;
	int daemon, daemon_fd; /* pid and pidfd */
	int init, init_fd;     /* of what was restored, once it was */
	char name[SLOT_NAME_MAX + 1];
	struct faults faults;
};

static void say(int sock, enum word word, const char *text)
{
	struct word_said said = { .word = (char)word };

	if (text)
		snprintf(said.text, sizeof(said.text), "%s", text);
	(void)!send(sock, &said, sizeof(said), MSG_NOSIGNAL);
}

/* False when nobody is at the other end any more. */
static bool hear(int sock, struct word_said *ret)
{
	ssize_t n;

	do
		n = recv(sock, ret, sizeof(*ret), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*ret))
		return false;
	ret->text[sizeof(ret->text) - 1] = '\0';
	return true;
}

/* CRIU returns when its daemon listens, which then is our child: we are its reaper. */
static int start_daemon(struct keeper *k, struct firn_error *err)
{
	struct run_args a = { .n = 0 };
	_free_ char *path = NULL, *text = NULL;
	size_t len;
	int status;

	run_arg(&a, k->criu);
	run_arg2(&a, "lazy-pages", "--daemon");
	run_arg2(&a, "--images-dir", k->images);
	run_arg2(&a, "--work-dir", k->work);
	run_arg2(&a, "--log-file", LOG);
	run_arg2(&a, "-v4", "--pidfile");
	if (asprintf(&path, "%s/" PID_FILE, k->work) < 0) {
		path = NULL;
		return firn_fail_oom(err, "lazy-pages");
	}
	run_arg(&a, path);
	(void)unlink(path);
	status = run_wait(&a, RUN_STDIO_NULL, -1, err);
	if (status < 0)
		return status;
	_fd_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (status == 0 && fd >= 0 && fd_read_all(fd, 32, &text, &len, err) == 0)
		k->daemon = (int)strtol(text, NULL, 10);
	if (k->daemon > 0)
		k->daemon_fd = (int)syscall(SYS_pidfd_open, k->daemon, 0u);
	if (k->daemon_fd < 0)
		return firn_fail(err, FIRN_EHOST, "criu lazy-pages failed with status %d", status);
	return 0;
}

/* Whether it brought all pages. */
static bool daemon_succeeded(const struct keeper *k)
{
	int status = -1;

	while (waitpid(k->daemon, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	/* The daemon sees its processes end before they are quite gone. */
	return pidfd < 0 || poll(&p, 1, 100) > 0;
}

/* Nobody may go on with zeros for memory. */
static void lost(struct keeper *k)
{
	_free_ char *log = NULL;

	if (has_ended(k->init_fd))
		return;
	log = reason_keep_file(k->slot, k->name, LOG);
	kill_tree(k->init);
	openlog("firn", LOG_PID, LOG_DAEMON);
	syslog(LOG_ERR,
	       "restore: %s: criu lazy-pages died before all memory was there: killed%s%s%s",
	       k->name, log ? " (log in " : "", log ? log : "", log ? ")" : "");
	closelog();
}

/* What the one who restores says, or that there is nobody any more. False: all of it is off. */
static bool heard(struct keeper *k, struct pollfd *p)
{
	struct word_said said;

	if (hear(k->sock, &said) && said.word == KEEP) {
		k->init = said.pid;
		k->init_fd = (int)syscall(SYS_pidfd_open, said.pid, 0u);
		snprintf(k->name, sizeof(k->name), "%.*s", SLOT_NAME_MAX, said.text);
		return true;
	}
	p->fd = -1;
	if (k->init)
		return true;
	(void)kill(k->daemon, SIGKILL);
	return false;
}

static void look_after(struct keeper *k)
{
	struct pollfd p[] = { { .fd = k->sock, .events = POLLIN },
			      { .fd = k->daemon_fd, .events = POLLIN } };

	for (;;) {
		const int n = poll(p, ARRAY_SIZE(p), FOLLOW_MS);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && p[0].revents && !heard(k, &p[0]))
			return;
		if (n > 0 && p[1].revents)
			break;
		faults_follow(&k->faults, k->daemon_fd, k->daemon);
	}
	if (daemon_succeeded(k)) {
		say(k->sock, ALL_IN, NULL);
		return;
	}
	/* It may have died while the restore was still under way. */
	while (!k->init && heard(k, &p[0]) && p[0].fd >= 0)
		;
	if (k->init)
		lost(k);
	say(k->sock, LOST, NULL);
}

static void keeping(void *ctx)
{
	struct keeper *k = ctx;
	struct firn_error err = { 0 };

	k->sock = BACKGROUND_FD;
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (start_daemon(k, &err) < 0) {
		say(k->sock, FAILED, err.msg);
		return;
	}
	say(k->sock, READY, NULL);
	look_after(k);
	faults_release(&k->faults);
}

static int start_keeper(struct keeper *k, struct lazy *ret, struct firn_error *err)
{
	struct word_said said;
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return firn_fail_errno(err, "lazy-pages: socket");
	_fd_ int ours = pair[0], theirs = pair[1];
	const struct background b = { .name = "firn-lazy",
				      .what = "lazy-pages",
				      .fds = { theirs },
				      .nfds = 1,
				      .run = keeping,
				      .ctx = k };

	rc = background_start(&b, err);
	if (rc < 0)
		return rc;
	theirs = fd_close(theirs);
	if (!hear(ours, &said))
		return firn_fail(err, FIRN_EFAIL, "lazy-pages: the process for it ended");
	if (said.word != READY) {
		_free_ char *log = reason_keep_file(k->slot, "lazy", LOG);

		return firn_fail(err, FIRN_EHOST, "%s%s%s%s", said.text, log ? " (log in " : "",
				 log ? log : "", log ? ")" : "");
	}
	ret->fd = take_fd(&ours);
	return 0;
}

int lazy_start(const struct slot *s, struct lazy *ret, struct firn_error *err)
{
	_free_ char *criu = NULL, *images = NULL, *work = NULL;
	_free_ struct keeper *k = calloc(1, sizeof(*k));
	int rc = run_find("criu", &criu, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_EHOST, "criu isn't on this host");
	if (!k || asprintf(&images, "%s/checkpoint", s->bundle) < 0) {
		images = NULL;
		return firn_fail_oom(err, "lazy-pages");
	}
	if (asprintf(&work, "%s/work", s->bundle) < 0) {
		work = NULL;
		return firn_fail_oom(err, "lazy-pages");
	}
	*k = (struct keeper){ .slot = s,
			      .criu = criu,
			      .images = images,
			      .work = work,
			      .daemon_fd = -1,
			      .init_fd = -1 };
	return start_keeper(k, ret, err);
}

void lazy_keep(const struct lazy *l, int pid, const char *name)
{
	struct word_said said = { .word = KEEP, .pid = pid };

	snprintf(said.text, sizeof(said.text), "%s", name);
	(void)!send(l->fd, &said, sizeof(said), MSG_NOSIGNAL);
}

enum lazy_end lazy_end(int fd)
{
	struct word_said said;

	if (!hear(fd, &said))
		return LAZY_UNKNOWN;
	return said.word == ALL_IN ? LAZY_ALL_IN : LAZY_LOST;
}

void lazy_done(struct lazy *l)
{
	l->fd = fd_close(l->fd);
}
