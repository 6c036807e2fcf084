/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/copied_make.h"

#include "base/fault.h"
#include "base/fd.h"
#include "base/lock.h"
#include "bytes/follower.h"
#include "bytes/stream.h"
#include "kernel/fsctx.h"
#include "kernel/mount.h"
#include "view/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define TEMP_PREFIX  ".firn-"
#define TEMP_MAX     (sizeof(TEMP_PREFIX) + COPIED_KEY_MAX)
#define WAIT_SECONDS 3600 /* for another process that unpacks the same layer */
#define HASH_BYTES   (256u << 10)

static const enum road roads[] = { ROAD_REFLINK, ROAD_COPY };

static int mount_tree(int tree, enum road road, struct view_mount *ret, struct firn_error *err)
{
	int fd = mount_clone(tree, "", MOUNT_ATTR_RDONLY | MOUNT_ATTRS_DATA, err);

	if (fd < 0)
		return fd;
	ret->fd = fd;
	ret->road = road;
	return 1;
}

static int find(int trees, const char *key, struct view_mount *ret, struct firn_error *err)
{
	_fd_ int folder = openat(trees, key, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "tree %s", key);
	for (size_t i = 0; i < ARRAY_SIZE(roads); i++) {
		_fd_ int tree = openat(folder, road_name(roads[i]),
				       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (tree >= 0)
			return mount_tree(tree, roads[i], ret, err);
	}
	return firn_fail(err, FIRN_EFAIL, "tree %s: somebody has emptied it", key);
}

int copied_find(const struct view *v, const char *key, struct view_mount *ret,
		struct firn_error *err)
{
	_fd_ int trees = cache_trees(v->cache, err);

	return trees < 0 ? trees : find(trees, key, ret, err);
}

/* What nobody holds the lock of any more. That it can't be removed is the next one's problem. */
static void sweep_one(int trees, const char *name)
{
	_fd_ int temp = openat(trees, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (temp >= 0 && flock(temp, LOCK_EX | LOCK_NB) == 0 && unpack_clear(temp, NULL) == 0)
		(void)!unlinkat(trees, name, AT_REMOVEDIR);
}

static void sweep(int trees)
{
	int fd = openat(trees, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0)
			sweep_one(trees, e->d_name);
	if (d)
		closedir(d);
	else
		fd_close(fd);
}

/* Whether @temp still has the name: its maker may have given it the final one, or removed it. */
static bool still_named(int trees, const char *name, int temp)
{
	struct stat named, open;

	return fstatat(trees, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(temp, &open) == 0 &&
	       named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

/*
 * The folder in which the tree is made, locked. 0 when another process had made the tree meanwhile.
 */
static int claim(int trees, const char *key, const char *name, int *ret, struct firn_error *err)
{
	for (;;) {
		_fd_ int temp = -1;
		int rc;

		if (mkdirat(trees, name, 0700) < 0 && errno != EEXIST)
			return firn_fail_errno(err, "make a folder");
		temp = openat(trees, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (temp < 0 && errno == ENOENT)
			continue;
		if (temp < 0)
			return firn_fail_errno(err, "open a folder");
		rc = lock_wait(temp, LOCK_EXCLUSIVE, WAIT_SECONDS, err);
		if (rc < 0)
			return rc;
		if (!still_named(trees, name, temp)) {
			if (faccessat(trees, key, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
				return 0;
			continue;
		}
		if (faccessat(trees, key, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
			(void)!unlinkat(trees, name, AT_REMOVEDIR);
			return 0;
		}
		*ret = take_fd(&temp);
		return 1;
	}
}

static int compare(const struct digest *want, const struct digest *made, struct firn_error *err)
{
	if (digest_equal(want, made))
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "its bytes are not those of its diff_id");
}

/* Before: of a part of a larger file. */
static int prove(const struct copied *c, struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	_free_ uint8_t *chunk = malloc(HASH_BYTES);
	struct digest made;
	int rc = chunk ? hasher_new(c->proof.alg, &h, err) : firn_fail_oom(err, "hash");

	for (uint64_t at = 0, n; rc == 0 && at < c->size; at += n) {
		ssize_t got;

		n = c->size - at < HASH_BYTES ? c->size - at : HASH_BYTES;
		got = fd_pread(c->fd, chunk, (size_t)n, c->at + at, err);
		if (got < 0)
			return (int)got;
		if ((uint64_t)got < n)
			return firn_fail(err, FIRN_ECORRUPT, "it ends early");
		rc = hasher_update(h, chunk, (size_t)n, err);
	}
	if (rc == 0)
		rc = hasher_final(h, &made, err);
	return rc < 0 ? rc : compare(&c->proof, &made, err);
}

static int unpack(const struct view *v, const struct copied *c, int folder, enum road *ret,
		  struct firn_error *err)
{
	char what[32];
	const struct unpack_source src = { .fd = c->fd, .what = what, .report = v->report };

	snprintf(what, sizeof(what), "unpack %.12s", c->key);
	return unpack_tree(c->tree, &src, folder, ret, err);
}

/* Beside the unpacking, by a thread that reads the same pages. */
static int unpack_and_prove(const struct view *v, const struct copied *c, int folder,
			    enum road *ret, struct firn_error *err)
{
	struct follower *f;
	struct digest made;
	int rc = follower_start(c->fd, c->proof.alg, &f, err);

	if (rc < 0)
		return rc;
	follower_advance(f, c->size);
	rc = unpack(v, c, folder, ret, err);
	if (rc == 0)
		rc = follower_finish(f, &made, err);
	follower_free(f);
	return rc < 0 ? rc : compare(&c->proof, &made, err);
}

static int fill(const struct view *v, const struct copied *c, int temp, enum road *ret,
		struct firn_error *err)
{
	_fd_ int folder = -1;
	int rc = unpack_clear(temp, err);

	if (rc < 0)
		return rc;
	if (mkdirat(temp, "tree", 0700) < 0)
		return firn_fail_errno(err, "make a folder");
	folder = openat(temp, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return firn_fail_errno(err, "open a folder");
	if (c->proof.alg && !c->at)
		return unpack_and_prove(v, c, folder, ret, err);
	if (c->proof.alg)
		rc = prove(c, err);
	return rc < 0 ? rc : unpack(v, c, folder, ret, err);
}

/* From here on it is there, also after the power went. */
static int name_tree(int trees, int temp, const char *name, const char *key, enum road road,
		     struct firn_error *err)
{
	if (renameat(temp, "tree", temp, road_name(road)) < 0)
		return firn_fail_errno(err, "name it");
	if (syncfs(temp) < 0)
		return firn_fail_errno(err, "flush");
	if (FAULT_POINT("unpack.name") || renameat2(trees, name, trees, key, RENAME_NOREPLACE) < 0)
		return firn_fail_errno(err, "name it");
	if (fsync(trees) < 0)
		return firn_fail_errno(err, "flush");
	return 0;
}

static int make(const struct view *v, const struct copied *c, int trees, struct firn_error *err)
{
	char name[TEMP_MAX];
	_fd_ int temp = -1;
	enum road road;
	int rc;

	snprintf(name, sizeof(name), TEMP_PREFIX "%s", c->key);
	rc = claim(trees, c->key, name, &temp, err);
	if (rc <= 0)
		return rc;
	rc = fill(v, c, temp, &road, err);
	if (rc == 0)
		rc = name_tree(trees, temp, name, c->key, road, err);
	if (rc < 0 && unpack_clear(temp, NULL) == 0)
		(void)!unlinkat(trees, name, AT_REMOVEDIR);
	return rc;
}

int copied_make(const struct view *v, const struct copied *c, struct view_mount *ret,
		struct firn_error *err)
{
	_fd_ int trees = cache_trees(v->cache, err);
	int rc;

	if (trees < 0)
		return trees;
	sweep(trees);
	rc = make(v, c, trees, err);
	if (rc == 0)
		rc = find(trees, c->key, ret, err);
	if (rc == 0)
		rc = firn_fail(err, FIRN_EFAIL, "it went away from the cache");
	return firn_wrap(err, rc < 0 ? rc : 0, "unpack");
}
