/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>

int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

const char *fd_path(int fd, char ret[FD_PATH_MAX])
{
	snprintf(ret, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return ret;
}

ssize_t fd_read(int fd, void *buf, size_t n, struct firn_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, (char *)buf + done, n - done);

		if (got == 0)
			break;
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return firn_fail_errno(err, "read");
	}
	return (ssize_t)done;
}

ssize_t fd_pread(int fd, void *buf, size_t n, uint64_t at, struct firn_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (char *)buf + done, n - done, (off_t)(at + done));

		if (got == 0)
			break;
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return firn_fail_errno(err, "read");
	}
	return (ssize_t)done;
}

int fd_write(int fd, const void *buf, size_t n, struct firn_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = write(fd, (const char *)buf + done, n - done);

		if (put >= 0)
			done += (size_t)put;
		else if (errno != EINTR)
			return firn_fail_errno(err, "write");
	}
	return 0;
}

int fd_pwrite(int fd, const void *buf, size_t n, uint64_t at, struct firn_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(fd, (const char *)buf + done, n - done, (off_t)(at + done));

		if (put >= 0)
			done += (size_t)put;
		else if (errno != EINTR)
			return firn_fail_errno(err, "write");
	}
	return 0;
}

int fd_read_all(int fd, size_t max, char **ret, size_t *ret_len, struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t size = 0, used = 0;

	for (;;) {
		ssize_t got;

		if (size - used < 2) {
			size_t more = size ? size * 2 : 4096;
			char *grown;

			if (more > max + 2)
				more = max + 2;
			grown = realloc(text, more);
			if (!grown)
				return firn_fail_oom(err, "read");
			text = grown;
			size = more;
		}
		got = fd_read(fd, text + used, size - used - 1, err);
		if (got < 0)
			return (int)got;
		used += (size_t)got;
		if (used > max)
			return firn_fail(err, FIRN_ELIMIT, "larger than %zu bytes", max);
		if (used < size - 1)
			break;
	}
	text[used] = '\0';
	*ret = take_ptr(&text);
	if (ret_len)
		*ret_len = used;
	return 0;
}
