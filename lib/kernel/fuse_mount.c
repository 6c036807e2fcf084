/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/fuse_mount.h"

#include "base/fd.h"
#include "base/run.h"
#include "kernel/fsctx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define DEVICE  "/dev/fuse"
#define PROGRAM "fusermount3"
#define OPTIONS "ro,nosuid,nodev,subtype=firn,fsname=" FUSE_MOUNT_SOURCE
/* Where fusermount3 leaves the connection (fusermount.c, FUSE_COMMFD_ENV). */
#define SOCKET_VARIABLE "_FUSE_COMMFD=3"
#define SAID_MAX        300

/* What the program said, without its name: it goes into our sentence. */
static int fail_said(int out, const char *what, struct firn_error *err)
{
	char said[SAID_MAX];
	ssize_t n = fd_pread(out, said, sizeof(said) - 1, 0, NULL);
	const char *at;

	said[n < 0 ? 0 : n] = '\0';
	said[strcspn(said, "\n")] = '\0';
	at = strstr(said, PROGRAM ": ");
	at = at ? at + strlen(PROGRAM ": ") : said;
	return firn_fail(err, strstr(at, "busy") ? FIRN_EBUSY : FIRN_EFAIL, "%s: %s", what,
			 *at ? at : PROGRAM " failed");
}

/* Run it with @options (NULL: none) on @dir; @fd is passed on. */
static int run_program(const char *const *args, size_t n, int fd, const char *what,
		       struct firn_error *err)
{
	_fd_ int out = memfd_create("firn-fusermount", MFD_CLOEXEC);
	_free_ char *program = NULL;
	struct run_args a = { .n = 0 };
	int rc;

	if (out < 0)
		return firn_fail_errno(err, "memfd");
	rc = run_find(PROGRAM, &program, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_EUNSUPP,
				 "%s: without root this needs " PROGRAM " (package fuse3)", what);
	run_arg(&a, program);
	for (size_t i = 0; i < n; i++)
		run_arg(&a, args[i]);
	rc = run_passing(&a, fd, SOCKET_VARIABLE, out, err);
	return rc > 0 ? fail_said(out, what, err) : rc;
}

/* The descriptor that comes over @socket. */
static int receive(int socket, struct firn_error *err)
{
	char byte;
	struct iovec part = { &byte, 1 };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	const struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0)
		return firn_fail_errno(err, PROGRAM " gave no connection");
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd >= 0 ? fd : firn_fail(err, FIRN_EFAIL, PROGRAM " gave no connection");
}

int fuse_mount_user(const char *dir, struct firn_error *err)
{
	const char *const args[] = { "-o", OPTIONS, "--", dir };
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return firn_fail_errno(err, "socketpair");
	_fd_ int ours = pair[0], theirs = pair[1];

	rc = run_program(args, ARRAY_SIZE(args), theirs, "FUSE mount", err);
	return rc < 0 ? rc : receive(ours, err);
}

int fuse_umount_user(const char *dir, struct firn_error *err)
{
	const char *const args[] = { "-u", "--", dir };
	char what[64];

	snprintf(what, sizeof(what), "unmount %.50s", dir);
	return run_program(args, ARRAY_SIZE(args), -1, what, err);
}

static int configure(int ctx, int connection, struct firn_error *err)
{
	char text[16];
	int rc;

	snprintf(text, sizeof(text), "%d", connection);
	if ((rc = fsctx_string(ctx, "source", FUSE_MOUNT_SOURCE, err)) < 0 ||
	    (rc = fsctx_string(ctx, "subtype", "firn", err)) < 0 ||
	    (rc = fsctx_string(ctx, "fd", text, err)) < 0)
		return rc;
	snprintf(text, sizeof(text), "%o", S_IFDIR);
	if ((rc = fsctx_string(ctx, "rootmode", text, err)) < 0 ||
	    (rc = fsctx_string(ctx, "user_id", "0", err)) < 0 ||
	    (rc = fsctx_string(ctx, "group_id", "0", err)) < 0 ||
	    (rc = fsctx_flag(ctx, "default_permissions", err)) < 0)
		return rc;
	return fsctx_flag(ctx, "allow_other", err);
}

int fuse_mount_root(uint64_t attrs, int *ret_connection, struct firn_error *err)
{
	_fd_ int connection = open(DEVICE, O_RDWR | O_CLOEXEC);
	_fd_ int ctx = -1;
	int rc, fd;

	if (connection < 0)
		return firn_fail_errno(err, DEVICE);
	ctx = fsctx_open("fuse", err);
	if (ctx < 0)
		return ctx;
	rc = configure(ctx, connection, err);
	fd = rc < 0 ? rc : fsctx_mount(ctx, attrs, err);
	if (fd < 0)
		return firn_wrap(err, fd, "FUSE mount");
	*ret_connection = take_fd(&connection);
	return fd;
}
