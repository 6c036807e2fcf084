/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/path.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

const char *path_quote(const char *name, char ret[PATH_QUOTE_MAX])
{
	const size_t room = PATH_QUOTE_MAX - 3, len = strlen(name);
	const size_t head = len > room ? room / 2 : len;
	const size_t tail = len > room ? room - head - 3 : 0;
	size_t n = 0;

	ret[n++] = '"';
	memcpy(ret + n, name, head);
	n += head;
	if (len > room) {
		memcpy(ret + n, "...", 3);
		memcpy(ret + n + 3, name + len - tail, tail);
		n += 3 + tail;
	}
	for (size_t i = 1; i < n; i++)
		if ((unsigned char)ret[i] < 0x20 || ret[i] == 0x7f)
			ret[i] = '?';
	ret[n++] = '"';
	ret[n] = '\0';
	return ret;
}

static int refuse(const char *name, enum firn_code code, const char *why, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, code, "entry %s: %s", path_quote(name, quoted), why);
}

int path_normalise(const char *name, char **ret, struct firn_error *err)
{
	_free_ char *plain = NULL;
	size_t depth = 0, used = 0;
	const char *at = name;

	if (*name == '/')
		return refuse(name, FIRN_ECORRUPT, "is absolute", err);
	if (strlen(name) > PATH_MEMBER_MAX)
		return refuse(name, FIRN_ELIMIT, "name is longer than 4095 bytes", err);
	plain = malloc(strlen(name) + 1);
	if (!plain)
		return firn_fail_oom(err, "name");
	while (*at) {
		size_t len = strcspn(at, "/");

		if (len == 2 && at[0] == '.' && at[1] == '.')
			return refuse(name, FIRN_ECORRUPT, "leaves the rootfs", err);
		if (len > PATH_NAME_MAX)
			return refuse(name, FIRN_ELIMIT, "has a component above 255 bytes", err);
		if (len && !(len == 1 && at[0] == '.')) {
			if (++depth > PATH_MEMBER_DEPTH)
				return refuse(name, FIRN_ELIMIT, "is deeper than 1024 folders",
					      err);
			if (used)
				plain[used++] = '/';
			memcpy(plain + used, at, len);
			used += len;
		}
		at += len + (at[len] == '/');
	}
	plain[used] = '\0';
	*ret = take_ptr(&plain);
	return 0;
}

const char *path_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The road without openat2: each folder is opened by itself and never through a link. */
static int open_by_steps(int dirfd, const char *name, int flags, unsigned mode)
{
	_fd_ int at = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	char part[PATH_NAME_MAX + 1];

	while (at >= 0) {
		size_t len = strcspn(name, "/");
		int next;

		if (len > PATH_NAME_MAX || (len == 2 && name[0] == '.' && name[1] == '.')) {
			errno = EXDEV;
			return -1;
		}
		memcpy(part, name, len);
		part[len] = '\0';
		if (name[len] == '\0')
			return openat(at, len ? part : ".", flags | O_NOFOLLOW | O_CLOEXEC, mode);
		next = openat(at, len ? part : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fd_close(at);
		at = next;
		name += len + 1;
	}
	return -1;
}

/* openat2 with @resolve; -1 with errno where it isn't there or says no. */
static int open_resolved(int dirfd, const char *name, int flags, unsigned mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};

	if (*name == '/') {
		errno = EXDEV;
		return -1;
	}
	return (int)syscall(SYS_openat2, dirfd, *name ? name : ".", &how, sizeof(how));
}

#define RESOLVE_ALWAYS (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

int path_open_beneath(int dirfd, const char *name, int flags, unsigned mode, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int fd = open_resolved(dirfd, name, flags, mode, RESOLVE_ALWAYS);

	if (fd < 0 && (errno == ENOSYS || errno == EPERM) && *name != '/')
		fd = open_by_steps(dirfd, name, flags, mode);
	if (fd < 0)
		return firn_fail_errno(err, "open %s", path_quote(name, quoted));
	return fd;
}

int path_open_file(int dirfd, const char *name, int flags, uint64_t *ret_size,
		   struct firn_error *err)
{
	/* A fifo would wait for a writer; but openat2 takes nothing of that kind with O_PATH. */
	const int wait = flags & O_PATH ? 0 : O_NONBLOCK;
	_fd_ int fd = path_open_beneath(dirfd, name, flags | wait, 0, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return firn_fail_errno(err, "stat");
	if (!S_ISREG(st.st_mode))
		return firn_fail(err, FIRN_ECORRUPT, "is no regular file");
	*ret_size = (uint64_t)st.st_size;
	return take_fd(&fd);
}

/* The same file system, as far as that can be told without openat2. */
static int same_device(int dirfd, int fd)
{
	struct stat dir, st;

	if (fstat(dirfd, &dir) < 0 || fstat(fd, &st) < 0)
		return -1;
	if (dir.st_dev == st.st_dev)
		return 0;
	errno = EXDEV;
	return -1;
}

int path_open_inside(int dirfd, const char *name, int flags, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	_fd_ int fd = open_resolved(dirfd, name, flags, 0, RESOLVE_ALWAYS | RESOLVE_NO_XDEV);

	if (fd < 0 && (errno == ENOSYS || errno == EPERM) && *name != '/') {
		fd = open_by_steps(dirfd, name, flags, 0);
		if (fd >= 0 && same_device(dirfd, fd) < 0)
			fd = fd_close(fd);
	}
	if (fd < 0 && errno == EXDEV)
		return firn_fail(err, FIRN_EUNSUPP, "open %s: something is mounted there",
				 path_quote(name, quoted));
	if (fd < 0)
		return firn_fail_errno(err, "open %s", path_quote(name, quoted));
	return take_fd(&fd);
}
