/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ops.h"

#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "store/dir.h"
#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

/*
 * A store for writing holds a shared lock on blobs/sha256 while it is open. Who removes an empty
 * folder must have the exclusive one, so it never removes what another writer works in.
 */
#define LOCK_SECONDS 60

struct dir_store {
	struct store base;
	int layout_fd;
	int blobs_fd;                  /* these two for writing only, else -1 */
	int alg_fd[DIGEST_SHA512 + 1]; /* by enum digest_alg; sha512 when first needed */
	bool made_blobs, made_sha256;  /* by this store */
	bool seal;                     /* STORE_SEAL */
};

#define BLOB_PATH_MAX (sizeof("blobs/sha256/") + DIGEST_TEXT_MAX)

static int open_blob(struct dir_store *s, const struct digest *d, int flags, uint64_t *ret_size,
		     struct firn_error *err)
{
	char path[BLOB_PATH_MAX], hex[DIGEST_TEXT_MAX];

	snprintf(path, sizeof(path), "blobs/%s/%s", digest_alg_name(d->alg), digest_hex(d, hex));
	return path_open_file(s->layout_fd, path, flags, ret_size, err);
}

static int dir_has(struct store *s, const struct digest *d, uint64_t *ret_size,
		   struct firn_error *err)
{
	int fd = open_blob((struct dir_store *)s, d, O_PATH, ret_size, err);

	if (fd < 0)
		return fd == -FIRN_ENOTFOUND ? 0 : fd;
	fd_close(fd);
	return 1;
}

static int dir_open_fd(struct store *s, const struct digest *d, int *ret_fd, uint64_t *ret_at,
		       uint64_t *ret_size, struct firn_error *err)
{
	int fd = open_blob((struct dir_store *)s, d, O_RDONLY, ret_size, err);

	if (fd == -FIRN_ENOTFOUND)
		return firn_fail(err, FIRN_ENOTFOUND, "is not in the layout");
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	*ret_at = 0;
	return 0;
}

/* Opens @name in @dirfd, making it when it isn't there. */
static int make_folder(int dirfd, const char *name, bool *ret_made, int *ret,
		       struct firn_error *err)
{
	bool made = mkdirat(dirfd, name, 0700) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return firn_fail_errno(err, "make folder %s", name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return firn_fail_errno(err, "open folder %s", name);
	*ret_made = made;
	*ret = fd;
	return 0;
}

static int dir_folder(struct store *store, enum digest_alg alg, int *ret, struct firn_error *err)
{
	struct dir_store *s = (struct dir_store *)store;
	int fd = __atomic_load_n(&s->alg_fd[alg], __ATOMIC_ACQUIRE), none = -1, rc;
	bool made;

	if (s->blobs_fd < 0)
		return firn_fail(err, FIRN_EINVAL, "the layout was opened for reading");
	if (fd >= 0) {
		*ret = fd;
		return 0;
	}
	rc = make_folder(s->blobs_fd, digest_alg_name(alg), &made, &fd, err);
	if (rc < 0)
		return rc;
	/* Another thread may have been faster. */
	if (!__atomic_compare_exchange_n(&s->alg_fd[alg], &none, fd, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		fd_close(fd);
		fd = none;
	}
	*ret = fd;
	return 0;
}

static int dir_new(struct store *store, enum digest_alg alg, uint64_t reserve,
		   struct blob_writer **ret, struct firn_error *err)
{
	struct dir_store *s = (struct dir_store *)store;
	int folder = -1, rc = dir_folder(store, alg, &folder, err);

	return rc < 0 ? rc : dir_writer(folder, alg, reserve, s->seal, ret, err);
}

static int dir_sync(struct store *store, struct firn_error *err)
{
	struct dir_store *s = (struct dir_store *)store;
	int rc = 0;

	for (size_t i = DIGEST_SHA256; i < ARRAY_SIZE(s->alg_fd) && rc == 0; i++)
		if (s->alg_fd[i] >= 0)
			rc = publish_sync(s->alg_fd[i], err);
	if (rc == 0 && s->made_sha256)
		rc = publish_sync(s->blobs_fd, err);
	if (rc == 0 && s->made_blobs)
		rc = publish_sync(s->layout_fd, err);
	return rc;
}

/* Folders made in vain go again; rmdir(2) lets those be that hold something. */
static void remove_folders(struct dir_store *s)
{
	if (s->made_sha256 && flock(s->alg_fd[DIGEST_SHA256], LOCK_EX | LOCK_NB) == 0)
		unlinkat(s->blobs_fd, digest_alg_name(DIGEST_SHA256), AT_REMOVEDIR);
	if (s->made_blobs)
		unlinkat(s->layout_fd, "blobs", AT_REMOVEDIR);
}

static void dir_keep(struct store *store)
{
	struct dir_store *s = (struct dir_store *)store;

	s->made_blobs = false;
	s->made_sha256 = false;
}

static void dir_close(struct store *store)
{
	struct dir_store *s = (struct dir_store *)store;

	remove_folders(s);
	for (size_t i = 0; i < ARRAY_SIZE(s->alg_fd); i++)
		fd_close(s->alg_fd[i]);
	fd_close(s->blobs_fd);
	fd_close(s->layout_fd);
	free(s);
}

static const struct store_ops dir_ops = {
	.has = dir_has,
	.open_fd = dir_open_fd,
	.writer = dir_new,
	.sync = dir_sync,
	.keep = dir_keep,
	.close = dir_close,
};

static int prepare_writing(struct dir_store *s, struct firn_error *err)
{
	struct stat st;
	int rc, *sha256 = &s->alg_fd[DIGEST_SHA256];

	if ((rc = make_folder(s->layout_fd, "blobs", &s->made_blobs, &s->blobs_fd, err)) < 0 ||
	    (rc = make_folder(s->blobs_fd, digest_alg_name(DIGEST_SHA256), &s->made_sha256, sha256,
			      err)) < 0)
		return rc;
	rc = lock_wait(*sha256, LOCK_SHARED, LOCK_SECONDS, err);
	if (rc < 0)
		return firn_wrap(err, rc, "blobs/sha256");
	if (fstat(*sha256, &st) < 0)
		return firn_fail_errno(err, "stat blobs/sha256");
	if (st.st_nlink == 0)
		return firn_fail(err, FIRN_ENOTFOUND, "blobs/sha256 was removed");
	return publish_clean(*sha256, err);
}

int store_dir_open(int dirfd, unsigned flags, struct store **ret, struct firn_error *err)
{
	struct dir_store *s = malloc(sizeof(*s));
	int rc = 0;

	if (!s)
		return firn_fail_oom(err, "store");
	*s = (struct dir_store){
		.base = { .ops = &dir_ops },
		.layout_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0),
		.blobs_fd = -1,
		.alg_fd = { -1, -1, -1 },
		.seal = flags & STORE_SEAL,
	};
	if (s->layout_fd < 0)
		rc = firn_fail_errno(err, "open folder again");
	else if (flags & STORE_WRITE)
		rc = prepare_writing(s, err);
	if (rc < 0) {
		dir_close(&s->base);
		return rc == -FIRN_ENOTFOUND
			   ? firn_fail(err, FIRN_EBUSY, "another writer removed the folders")
			   : rc;
	}
	*ret = &s->base;
	return 0;
}
