/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/netns.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* 0 or an errno. */
static int loopback_up(void)
{
	_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo" };

	if (fd < 0)
		return errno;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return errno;
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP | IFF_RUNNING);
	return ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 ? errno : 0;
}

/*
 * In the child: system calls only. Tells its outcome as one byte (errno values fit) and then lives
 * until @stay, the read end of a pipe nobody writes to, reaches its end.
 */
static void child(int tell, int stay)
{
	unsigned char outcome = 0, ignored;

	if (unshare(CLONE_NEWNET) < 0)
		outcome = (unsigned char)errno;
	else
		outcome = (unsigned char)loopback_up();
	if (write(tell, &outcome, 1) == 1)
		while (read(stay, &ignored, 1) < 0 && errno == EINTR)
			;
	_exit(0);
}

static int bind_ns(pid_t pid, int told, const char *path, int *ret_ns, struct firn_error *err)
{
	_fd_ int fd = -1;
	unsigned char outcome;
	char ns[48];
	ssize_t got = fd_read(told, &outcome, 1, err);

	if (got < 0)
		return (int)got;
	if (got == 0)
		return firn_fail(err, FIRN_EFAIL, "its maker died");
	if (outcome == EINVAL)
		return firn_fail(err, FIRN_EUNSUPP, "this kernel has none");
	if (outcome) {
		errno = outcome;
		return firn_fail_errno(err, "make it");
	}
	snprintf(ns, sizeof(ns), "/proc/%d/ns/net", (int)pid);
	fd = open(ns, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return firn_fail_errno(err, "open it");
	if (mount(ns, path, NULL, MS_BIND, NULL) < 0)
		return firn_fail_errno(err, "bind it to %s", path);
	if (ret_ns)
		*ret_ns = take_fd(&fd);
	return 0;
}

int netns_bind(const char *path, int *ret_ns, struct firn_error *err)
{
	int tell[2], stay[2], rc;
	pid_t pid;

	if (pipe2(tell, O_CLOEXEC) < 0)
		return firn_fail_errno(err, "network namespace: pipe");
	_fd_ int told = tell[0], teller = tell[1];

	if (pipe2(stay, O_CLOEXEC) < 0)
		return firn_fail_errno(err, "network namespace: pipe");
	_fd_ int stayer = stay[0], release = stay[1];

	pid = fork();
	if (pid < 0)
		return firn_fail_errno(err, "network namespace: fork");
	if (pid == 0) {
		close(release);
		child(teller, stayer);
	}
	teller = fd_close(teller);
	rc = bind_ns(pid, told, path, ret_ns, err);
	release = fd_close(release);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return firn_wrap(err, rc, "network namespace");
}

int netns_bind_again(int ns, const char *path, struct firn_error *err)
{
	char from[FD_PATH_MAX];

	if (mount(fd_path(ns, from), path, NULL, MS_BIND, NULL) < 0)
		return firn_fail_errno(err, "network namespace: bind it to %s", path);
	return 0;
}
