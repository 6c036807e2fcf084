/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/publish.h"

#include "base/fault.h"
#include "base/fd.h"
#include "kernel/verity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

static int temp_name(char ret[PUBLISH_TEMP_MAX], struct firn_error *err)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return firn_fail_errno(err, "random bytes");
	snprintf(ret, PUBLISH_TEMP_MAX, PUBLISH_TEMP_PREFIX "%016llx", (unsigned long long)random);
	return 0;
}

/* The file systems' ways to say that they have no O_TMPFILE (open(2)). */
static bool no_tmpfile(int e)
{
	return e == EOPNOTSUPP || e == EISDIR || e == ENOENT;
}

/*
 * A file with a temporary name, locked. Between its creation and the lock publish_clean() of
 * another process may take it for a leftover: then the lock fails or the name is gone, and it is
 * made again.
 */
static int open_named(struct publish *p, struct firn_error *err)
{
	for (int tries = 0; tries < 16; tries++) {
		struct stat st;
		int rc = temp_name(p->temp, err);

		if (rc < 0)
			return rc;
		if (FAULT_POINT("publish.open"))
			p->fd = -1;
		else
			p->fd = openat(p->dirfd, p->temp,
				       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (p->fd < 0 && errno == EEXIST)
			continue;
		if (p->fd < 0)
			return firn_fail_errno(err, "new file");
		if (flock(p->fd, LOCK_EX | LOCK_NB) == 0 && fstat(p->fd, &st) == 0 && st.st_nlink)
			return 0;
		unlinkat(p->dirfd, p->temp, 0);
		p->fd = fd_close(p->fd);
	}
	return firn_fail(err, FIRN_EFAIL, "new file: no temporary name to be had");
}

int publish_open(int dirfd, struct publish *ret, struct firn_error *err)
{
	struct publish p = { .dirfd = dirfd, .fd = -1 };
	int rc;

	if (!FAULT_POINT("publish.tmpfile"))
		p.fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (p.fd < 0 && !no_tmpfile(errno))
		return firn_fail_errno(err, "new file");
	if (p.fd < 0 && (rc = open_named(&p, err)) < 0)
		return rc;
	/* The umask may have taken more away than 0600 leaves. */
	if (fchmod(p.fd, 0600) < 0) {
		rc = firn_fail_errno(err, "mode of a new file");
		publish_done(&p);
		return rc;
	}
	*ret = p;
	return 0;
}

int publish_unnamed(const char *folder, struct firn_error *err)
{
	_fd_ int dirfd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct publish p = PUBLISH_NONE;
	int rc;

	if (dirfd < 0)
		return firn_fail_errno(err, "open %s", folder);
	rc = publish_open(dirfd, &p, err);
	if (rc < 0)
		return firn_wrap(err, rc, "a file without a name in %s", folder);
	if (p.temp[0])
		unlinkat(dirfd, p.temp, 0);
	return p.fd;
}

void publish_done(struct publish *p)
{
	if (p->fd >= 0 && p->temp[0])
		unlinkat(p->dirfd, p->temp, 0);
	fd_close(p->fd);
	*p = (struct publish)PUBLISH_NONE;
}

int publish_flush(struct publish *p, struct firn_error *err)
{
	if (FAULT_POINT("publish.flush") || fsync(p->fd) < 0)
		return firn_fail_errno(err, "flush");
	return 0;
}

/* linkat(2) of a file without a name: through /proc, or by itself where that isn't mounted. */
static int link_fd(int fd, int dirfd, const char *name)
{
	char path[FD_PATH_MAX];

	if (linkat(AT_FDCWD, fd_path(fd, path), dirfd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != ENOENT)
		return -1;
	return linkat(fd, "", dirfd, name, AT_EMPTY_PATH); /* needs CAP_DAC_READ_SEARCH */
}

/* From the temporary name; without RENAME_NOREPLACE in the file system, by a second link. */
static int rename_new(struct publish *p, const char *name)
{
	if (renameat2(p->dirfd, p->temp, p->dirfd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(p->dirfd, p->temp, p->dirfd, name, 0) < 0)
		return -1;
	unlinkat(p->dirfd, p->temp, 0);
	return 0;
}

int publish_name(struct publish *p, const char *name, struct firn_error *err)
{
	int failed;

	if (FAULT_POINT("publish.link"))
		failed = -1;
	else
		failed = p->temp[0] ? rename_new(p, name) : link_fd(p->fd, p->dirfd, name);
	if (failed && errno == EEXIST)
		return 1;
	if (failed)
		return firn_fail_errno(err, "name %s", name);
	p->temp[0] = '\0';
	return 0;
}

/* Locked before it has a name, so that publish_clean() lets it be. */
static int name_temp(struct publish *p, int lock, struct firn_error *err)
{
	char temp[PUBLISH_TEMP_MAX];
	int rc = temp_name(temp, err);

	if (rc < 0)
		return rc;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0 || FAULT_POINT("publish.link") ||
	    link_fd(p->fd, p->dirfd, temp) < 0)
		return firn_fail_errno(err, "temporary name");
	memcpy(p->temp, temp, sizeof(temp));
	return 0;
}

static bool can_seal(const struct publish *p)
{
	/* One that was locked under its name would lose the lock with the descriptor. */
	if (p->temp[0])
		return false;
	if (FAULT_POINT("publish.seal"))
		return errno == ENODATA;
	return verity_is_offered(p->fd);
}

void publish_seal(struct publish *p)
{
	char path[FD_PATH_MAX];
	_fd_ int fd = -1;

	if (!can_seal(p))
		return;
	fd = open(fd_path(p->fd, path), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || name_temp(p, fd, NULL) < 0)
		return;
	/* The same number, which others may read from; the lock goes with it. */
	if (dup3(fd, p->fd, O_CLOEXEC) == p->fd)
		(void)!verity_seal(p->fd);
}

int publish_replace(struct publish *p, const char *name, struct firn_error *err)
{
	int rc;

	if (!p->temp[0] && (rc = name_temp(p, p->fd, err)) < 0)
		return firn_wrap(err, rc, "name %s", name);
	if (FAULT_POINT("publish.rename") || renameat(p->dirfd, p->temp, p->dirfd, name) < 0)
		return firn_fail_errno(err, "replace %s", name);
	p->temp[0] = '\0';
	return 0;
}

int publish_sync(int dirfd, struct firn_error *err)
{
	/* EINVAL: a file system whose folders need no flush (fsync(2)). */
	if (FAULT_POINT("publish.sync") || (fsync(dirfd) < 0 && errno != EINVAL))
		return firn_fail_errno(err, "flush folder");
	return 0;
}

int publish_bytes(int dirfd, const char *name, const void *bytes, size_t n, struct firn_error *err)
{
	_cleanup_(publish_done) struct publish p = PUBLISH_NONE;
	int rc;

	if ((rc = publish_open(dirfd, &p, err)) < 0 || (rc = fd_write(p.fd, bytes, n, err)) < 0 ||
	    (rc = publish_flush(&p, err)) < 0)
		return firn_wrap(err, rc, "%s", name);
	return publish_name(&p, name, err);
}

static void clean_one(int dirfd, const char *name)
{
	_fd_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dirfd, name, 0);
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

int publish_clean(int dirfd, struct firn_error *err)
{
	_fd_ int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(dir_closep) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir)
		return firn_fail_errno(err, "read folder");
	take_fd(&fd);
	while ((e = readdir(dir)))
		if (strncmp(e->d_name, PUBLISH_TEMP_PREFIX, strlen(PUBLISH_TEMP_PREFIX)) == 0)
			clean_one(dirfd, e->d_name);
	return 0;
}
