/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/folder.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int open_folder(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int folder_make(const char *path, unsigned mode, struct firn_error *err)
{
	_free_ char *part = strdup(path);
	int fd = open_folder(path);

	if (!part)
		return firn_fail_oom(err, "folder");
	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return firn_fail_errno(err, "open %s", path);
	for (char *slash = strchr(part + 1, '/'); *part && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return firn_fail_errno(err, "make %s", part);
		*slash = '/';
	}
	if (mkdir(part, mode) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make %s", path);
	fd = open_folder(path);
	return fd >= 0 ? fd : firn_fail_errno(err, "open %s", path);
}

int folder_make_private(const char *path, unsigned mode, struct firn_error *err)
{
	_fd_ int fd = folder_make(path, mode, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return firn_fail_errno(err, "stat %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return firn_fail(err, FIRN_EINVAL, "%s: other users can change what is in it",
				 path);
	return take_fd(&fd);
}
