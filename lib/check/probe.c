/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/probe.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/wait.h>

static int try_one(const struct probe *p)
{
	_fd_ int fd = socket(p->family, p->type | SOCK_CLOEXEC, 0);
	const int on = 1, only = p->v6only;
	const socklen_t len =
	    p->family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	if (fd < 0)
		return errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
		return errno;
	if (p->family == AF_INET6 &&
	    (setsockopt(fd, SOL_IP, IP_FREEBIND, &on, sizeof(on)) < 0 ||
	     setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0))
		return errno;
	return bind(fd, (const struct sockaddr *)&p->address, len) < 0 ? errno : 0;
}

/* In the child: system calls only. */
static void child(int netns, int tell, const struct probe *probes, size_t n)
{
	int outcome = setns(netns, CLONE_NEWNET) < 0 ? errno : 0;

	if (write(tell, &outcome, sizeof(outcome)) != sizeof(outcome) || outcome)
		_exit(1);
	for (size_t i = 0; i < n; i++) {
		outcome = try_one(&probes[i]);
		if (write(tell, &outcome, sizeof(outcome)) != sizeof(outcome))
			_exit(1);
	}
	_exit(0);
}

static int hear(int fd, int *ret, struct firn_error *err)
{
	ssize_t n = fd_read(fd, ret, sizeof(*ret), err);

	if (n < 0)
		return (int)n;
	return n == sizeof(*ret) ? 0 : firn_fail(err, FIRN_EFAIL, "its child died");
}

static int hear_all(int fd, struct probe *probes, size_t n, struct firn_error *err)
{
	int entered = 0, rc = hear(fd, &entered, err);

	if (rc == 0 && entered) {
		errno = entered;
		return firn_fail_errno(err, "enter it");
	}
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = hear(fd, &probes[i].outcome, err);
	return rc;
}

static int probe_there(const char *netns, struct probe *probes, size_t n, struct firn_error *err)
{
	_fd_ int ns = open(netns, O_RDONLY | O_CLOEXEC);
	int ends[2], rc;
	pid_t pid;

	if (ns < 0)
		return firn_fail_errno(err, "%s", netns);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return firn_fail_errno(err, "pipe");
	_fd_ int told = ends[0], teller = ends[1];

	pid = fork();
	if (pid < 0)
		return firn_fail_errno(err, "fork");
	if (pid == 0)
		child(ns, teller, probes, n);
	teller = fd_close(teller);
	rc = hear_all(told, probes, n, err);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return rc;
}

int probe_all(const char *netns, struct probe *probes, size_t n, struct firn_error *err)
{
	if (netns)
		return firn_wrap(err, probe_there(netns, probes, n, err), "network namespace");
	for (size_t i = 0; i < n; i++)
		probes[i].outcome = try_one(&probes[i]);
	return 0;
}
