/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The socket over which a runtime hands in the terminal of a container. */
#include "node/console.h"

#include "base/fd.h"
#include "scratch.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What a runtime does: connect, send a descriptor along with a name. */
static void send_fd(const char *path, int fd, size_t nfds)
{
	_fd_ int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char name[] = "/dev/ptmx", room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec text = { name, sizeof(name) };
	struct msghdr m = { .msg_iov = &text, .msg_iovlen = 1 };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	ck_assert_int_eq(connect(s, (struct sockaddr *)&at, sizeof(at)), 0);
	if (nfds) {
		struct cmsghdr *c;

		m.msg_control = room;
		m.msg_controllen = sizeof(room);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ck_assert_int_eq(sendmsg(s, &m, 0), sizeof(name));
}

START_TEST(console)
{
	struct firn_error err = { 0 };
	char path[256], byte = 'x';
	int ends[2];
	_fd_ int listener = -1, fd = -1;

	snprintf(path, sizeof(path), "%s", scratch("console"));
	listener = console_listen(path, &err);
	ck_ok(listener, err);
	ck_assert_int_eq(console_listen(path, &err), -FIRN_EFAIL);
	ck_assert_int_eq(pipe(ends), 0);
	send_fd(path, ends[1], 1);
	fd = console_receive(listener, &err);
	ck_ok(fd, err);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(write(fd, &byte, 1), 1);
	byte = 0;
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	send_fd(path, -1, 0);
	ck_assert_int_eq(console_receive(listener, &err), -FIRN_EHOST);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("console");
	TCase *t = tcase_create("console");

	tcase_add_checked_fixture(t, scratch_setup, scratch_teardown);
	tcase_add_test(t, console);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
