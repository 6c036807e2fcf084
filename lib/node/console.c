/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/console.h"

#include "base/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define WAIT_MS 5000 /* the runtime has ended, so what it sent is there */

int console_listen(const char *path, struct firn_error *err)
{
	_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(at.sun_path))
		return firn_fail(err, FIRN_ELIMIT, "terminal's socket %s: the path is too long",
				 path);
	memcpy(at.sun_path, path, strlen(path));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
		return firn_fail_errno(err, "terminal's socket %s", path);
	return take_fd(&fd);
}

static int wait_readable(int fd, struct firn_error *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, WAIT_MS);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return firn_fail_errno(err, "wait for the container's terminal");
	return n ? 0 : firn_fail(err, FIRN_EHOST, "the runtime sent no terminal");
}

int console_receive(int listener, struct firn_error *err)
{
	char name[4096]; /* runtimes send the terminal's name along */
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec text = { name, sizeof(name) };
	struct msghdr message = { .msg_iov = &text,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	const struct cmsghdr *c;
	_fd_ int peer = -1;
	int fd, rc = wait_readable(listener, err);

	if (rc < 0)
		return rc;
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (peer < 0)
		return firn_fail_errno(err, "container's terminal: accept");
	rc = wait_readable(peer, err);
	if (rc < 0)
		return rc;
	if (recvmsg(peer, &message, MSG_CMSG_CLOEXEC) < 0)
		return firn_fail_errno(err, "container's terminal: receive");
	c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return firn_fail(err, FIRN_EHOST, "the runtime sent no terminal");
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}
