/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sweep.h"

#include "base/fault.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "store/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

struct sweep {
	int fds[DIGEST_SHA512 + 1]; /* blobs/ALG by enum digest_alg; -1: there is none */
	bool removed[DIGEST_SHA512 + 1];
};

struct sweep *sweep_close(struct sweep *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(s->fds); i++)
		fd_close(s->fds[i]);
	free(s);
	return NULL;
}

void sweep_closep(struct sweep **s)
{
	*s = sweep_close(*s);
}

static int open_folders(struct sweep *s, int dirfd, struct firn_error *err)
{
	for (enum digest_alg alg = DIGEST_SHA256; alg <= DIGEST_SHA512; alg++) {
		char path[32];
		int fd;

		snprintf(path, sizeof(path), "blobs/%s", digest_alg_name(alg));
		fd = path_open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY, 0, err);
		if (fd < 0 && fd != -FIRN_ENOTFOUND)
			return fd;
		s->fds[alg] = fd < 0 ? -1 : fd;
	}
	return 0;
}

int sweep_open(int dirfd, unsigned seconds, struct sweep **ret, struct firn_error *err)
{
	_cleanup_(sweep_closep) struct sweep *s = malloc(sizeof(*s));
	int rc;

	if (!s)
		return firn_fail_oom(err, "blobs");
	*s = (struct sweep){ .fds = { -1, -1, -1 } };
	rc = open_folders(s, dirfd, err);
	if (rc == 0 && s->fds[DIGEST_SHA256] >= 0)
		rc = lock_wait(s->fds[DIGEST_SHA256], LOCK_EXCLUSIVE, seconds, err);
	if (rc == -FIRN_EBUSY)
		return firn_append(err, rc, "somebody writes to the layout");
	if (rc < 0)
		return rc;
	*ret = take_ptr(&s);
	return 0;
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int look_at(int dirfd, enum digest_alg alg, const char *name, sweep_fn *take, void *ctx,
		   struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX + 16];
	struct digest d;
	struct stat st;

	/* What has no blob's name was put there by somebody who knows what it is. */
	if (snprintf(text, sizeof(text), "%s:%s", digest_alg_name(alg), name) >=
		(int)sizeof(text) ||
	    digest_parse(&d, text, NULL) < 0)
		return 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "stat blob %s", name);
	return S_ISREG(st.st_mode) ? take(&d, &st, ctx, err) : 0;
}

int sweep_each(struct sweep *s, sweep_fn *take, void *ctx, struct firn_error *err)
{
	int rc = 0;

	for (enum digest_alg alg = DIGEST_SHA256; rc >= 0 && alg <= DIGEST_SHA512; alg++) {
		_cleanup_(dir_closep) DIR *dir = NULL;
		const struct dirent *e;
		_fd_ int fd = -1;

		if (s->fds[alg] < 0)
			continue;
		fd = openat(s->fds[alg], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		dir = fd < 0 ? NULL : fdopendir(fd);
		if (!dir)
			return firn_fail_errno(err, "read blobs/%s", digest_alg_name(alg));
		take_fd(&fd);
		while (rc >= 0 && (e = readdir(dir)))
			rc = look_at(dirfd(dir), alg, e->d_name, take, ctx, err);
	}
	return rc;
}

int sweep_remove(struct sweep *s, const struct digest *d, struct firn_error *err)
{
	char hex[DIGEST_TEXT_MAX];

	digest_hex(d, hex);
	if (FAULT_POINT("sweep.remove") || unlinkat(s->fds[d->alg], hex, 0) < 0)
		return firn_fail_errno(err, "remove blob %s", hex);
	s->removed[d->alg] = true;
	return 0;
}

int sweep_flush(struct sweep *s, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(s->fds); i++)
		if (s->removed[i])
			rc = publish_sync(s->fds[i], err);
	return rc;
}

/* The beginning of one blob; *ret_bytes is 0 for what stays. */
static int look_at_partial(int dirfd, const char *name, int64_t before, bool dry, bool *ret_gone,
			   uint64_t *ret_bytes, struct firn_error *err)
{
	struct stat st;

	*ret_gone = false;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "stat %s", name);
	if (!S_ISREG(st.st_mode) || st.st_ctim.tv_sec > before)
		return 0;
	if (!dry && (FAULT_POINT("sweep.remove") || unlinkat(dirfd, name, 0) < 0))
		return firn_fail_errno(err, "remove %s/%s", SWEEP_PARTIAL, name);
	*ret_gone = true;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

int sweep_partial(struct sweep *s, int layout, int64_t before, bool dry, uint64_t *ret_files,
		  uint64_t *ret_bytes, struct firn_error *err)
{
	_cleanup_(dir_closep) DIR *dir = NULL;
	uint64_t files = 0, bytes = 0;
	const struct dirent *e;
	int rc = 0, fd;

	(void)s; /* its lock is what keeps those away who fetch */
	fd = path_open_beneath(layout, SWEEP_PARTIAL, O_RDONLY | O_DIRECTORY, 0, err);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd != -FIRN_ENOTFOUND) {
		if (fd >= 0)
			fd_close(fd);
		return fd < 0 ? fd : firn_fail_errno(err, "read %s", SWEEP_PARTIAL);
	}
	while (dir && rc == 0 && (e = readdir(dir))) {
		uint64_t size = 0;
		bool gone;

		rc = look_at_partial(dirfd(dir), e->d_name, before, dry, &gone, &size, err);
		files += rc == 0 && gone;
		bytes += size;
	}
	if (rc == 0 && !dry && dir)
		unlinkat(layout, SWEEP_PARTIAL, AT_REMOVEDIR);
	*ret_files = files;
	*ret_bytes = bytes;
	return rc;
}
