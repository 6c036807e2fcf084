/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/folder_stage.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX  ".firn-export-"
#define MARK    ".firn-export"
#define REMOVES 16 /* folders open at a time */
#define TRIES   16 /* another process may take a new folder for one that was left */

/* Where the mark, a symbolic link, leads: so nothing of somebody else's is taken for one, and there
 * is no moment in which it is there without its text. */
static const char mark_text[] = "firn export: this folder isn't complete";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	if (where->level > 0)
		(void)!remove(path);
	return 0;
}

void folder_stage_empty(const char *path)
{
	nftw(path, remove_one, REMOVES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* 1 with the lock, 0 when another process has it. */
static int try_lock(int fd, struct firn_error *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 1;
	/* A file system without locks has no other processes that we could see either. */
	if (errno == EOPNOTSUPP || errno == ENOLCK)
		return 1;
	return errno == EWOULDBLOCK ? 0 : firn_fail_errno(err, "lock");
}

static bool same_file(const char *path, int fd)
{
	struct stat named, open;

	return lstat(path, &named) == 0 && fstat(fd, &open) == 0 && named.st_dev == open.st_dev &&
	       named.st_ino == open.st_ino;
}

int folder_stage_make(const char *above, char **ret_path, int *ret_fd, struct firn_error *err)
{
	for (int i = 0; i < TRIES; i++) {
		_free_ char *path = NULL;
		_fd_ int fd = -1;
		int rc;

		if (asprintf(&path, "%s" PREFIX "XXXXXX", above) < 0) {
			path = NULL;
			return firn_fail_oom(err, "name");
		}
		if (!mkdtemp(path))
			return firn_fail_errno(err, "new folder in %s", above);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT)
			return firn_fail_errno(err, "open %s", path);
		rc = fd < 0 ? 0 : try_lock(fd, err);
		if (rc < 0)
			return rc;
		if (rc == 0 || !same_file(path, fd))
			continue;
		*ret_path = take_ptr(&path);
		*ret_fd = take_fd(&fd);
		return 0;
	}
	return firn_fail(err, FIRN_EBUSY, "new folders in %s go at once", above);
}

static void sweep_one(const char *above, const char *name)
{
	_free_ char *path = NULL;
	_fd_ int fd = -1;
	struct stat st;

	if (asprintf(&path, "%s%s", above, name) < 0) {
		path = NULL;
		return;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
	    flock(fd, LOCK_EX | LOCK_NB) < 0 || !same_file(path, fd))
		return;
	folder_stage_empty(path);
	(void)!rmdir(path);
}

void folder_stage_sweep(const char *above)
{
	DIR *d = opendir(above);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0)
			sweep_one(above, e->d_name);
	if (d)
		closedir(d);
}

static bool is_marked(int fd)
{
	char text[sizeof(mark_text)];
	const ssize_t n = readlinkat(fd, MARK, text, sizeof(text));

	return n == (ssize_t)sizeof(mark_text) - 1 && memcmp(text, mark_text, (size_t)n) == 0;
}

int folder_stage_lock(int fd, const char *path, struct firn_error *err)
{
	int rc = try_lock(fd, err);

	if (rc == 0)
		return firn_fail(err, FIRN_EBUSY, "another process is filling it");
	if (rc > 0 && is_marked(fd))
		folder_stage_empty(path);
	return rc < 0 ? rc : 0;
}

int folder_stage_mark(int fd, struct firn_error *err)
{
	if (symlinkat(mark_text, fd, MARK) < 0)
		return firn_fail_errno(err, "make " MARK);
	return 0;
}

void folder_stage_unmark(int fd)
{
	(void)!unlinkat(fd, MARK, 0);
}
