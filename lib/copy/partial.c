/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/partial.h"

#include "base/fault.h"
#include "base/fd.h"
#include "base/path.h"
#include "bytes/follower.h"
#include "kernel/verity.h"
#include "store/publish.h"
#include "store/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define CHUNK_BYTES (256u << 10)
/* The kernel is told to begin writing out so much at a time, so that the flush at the end is short.
 */
#define KICK_BYTES (8u << 20)
/*
 * Blobs of this size and more are hashed in a thread of their own, which reads what was written
 * once more: smaller ones come several at a time, and have no use for more threads than they are.
 */
#define FOLLOW_BYTES (64u << 20)

struct partial {
	int folder, fd;
	char name[DIGEST_TEXT_MAX + 1]; /* "ALG-HEX" */
	uint64_t had;                   /* bytes that were there */
	struct hasher *hash;            /* or */
	struct follower *follower;
	uint8_t *chunk;
};

static void partial_done(struct partial *p)
{
	follower_free(p->follower); /* before the file it reads */
	hasher_free(p->hash);
	free(p->chunk);
	fd_close(p->fd);
	fd_close(p->folder);
}

/* Whether it has its name still: it may have been finished, and have its blob's. */
static bool is_named(const struct partial *p, const struct stat *st)
{
	struct stat named;

	return fstatat(p->folder, p->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       named.st_dev == st->st_dev && named.st_ino == st->st_ino;
}

/* 1 when somebody else has it open, or had. */
static int open_file(struct partial *p, uint64_t size, struct firn_error *err)
{
	struct stat st;

	p->fd = openat(p->folder, p->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		       0600);
	if (p->fd < 0 || fstat(p->fd, &st) < 0)
		return firn_fail_errno(err, "open %s/%s", SWEEP_PARTIAL, p->name);
	if (!S_ISREG(st.st_mode))
		return firn_fail(err, FIRN_ECORRUPT, "%s/%s: is no regular file", SWEEP_PARTIAL,
				 p->name);
	if (flock(p->fd, LOCK_EX | LOCK_NB) < 0 || fstat(p->fd, &st) < 0 || !is_named(p, &st))
		return 1;
	/* One with another name is written to there, too. */
	if (st.st_uid != geteuid() || st.st_nlink != 1 || fchmod(p->fd, 0600) < 0)
		return firn_fail(err, FIRN_EFAIL, "%s/%s: is somebody else's", SWEEP_PARTIAL,
				 p->name);
	p->had = (uint64_t)st.st_size <= size ? (uint64_t)st.st_size : 0;
	return 0;
}

static int open_partial(struct partial *p, int dirfd, const struct item *i, struct firn_error *err)
{
	char hex[DIGEST_TEXT_MAX];

	snprintf(p->name, sizeof(p->name), "%s-%s", digest_alg_name(i->digest.alg),
		 digest_hex(&i->digest, hex));
	p->chunk = malloc(CHUNK_BYTES);
	if (!p->chunk)
		return firn_fail_oom(err, "blob");
	if (mkdirat(dirfd, SWEEP_PARTIAL, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make folder %s", SWEEP_PARTIAL);
	p->folder = path_open_beneath(dirfd, SWEEP_PARTIAL, O_RDONLY | O_DIRECTORY, 0, err);
	if (p->folder < 0)
		return p->folder;
	return open_file(p, i->size, err);
}

/* What is there, into the hash. */
static int hash_had(struct partial *p, const struct store_watch *watch, struct firn_error *err)
{
	int rc = 0;

	if (p->follower) {
		follower_advance(p->follower, p->had);
		return p->had ? watch->moved(p->had, watch->ctx, err) : 0;
	}

	for (uint64_t at = 0; rc == 0 && at < p->had;) {
		const ssize_t got = fd_pread(p->fd, p->chunk, CHUNK_BYTES, at, err);

		if (got < 0)
			return (int)got;
		if (got == 0 || (uint64_t)got > p->had - at)
			return firn_fail(err, FIRN_EFAIL, "changed while it was read");
		rc = hasher_update(p->hash, p->chunk, (size_t)got, err);
		if (rc == 0)
			rc = watch->moved((uint64_t)got, watch->ctx, err);
		at += (uint64_t)got;
	}
	return rc;
}

static int write_rest(struct partial *p, struct source *src, const struct store_watch *watch,
		      struct firn_error *err)
{
	uint64_t at = p->had, kicked = at;
	int rc;

	while (at < src->size) {
		const uint64_t left = src->size - at;
		const size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		if ((rc = source_read_at(src, p->chunk, n, at, err)) < 0 ||
		    (p->hash && (rc = hasher_update(p->hash, p->chunk, n, err)) < 0))
			return rc;
		if (FAULT_POINT("blob.write"))
			return firn_fail_errno(err, "write");
		if ((rc = fd_pwrite(p->fd, p->chunk, n, at, err)) < 0 ||
		    (rc = watch->moved(n, watch->ctx, err)) < 0)
			return rc;
		at += n;
		if (p->follower)
			follower_advance(p->follower, at);
		if (at - kicked >= KICK_BYTES) {
			/* Advice only: what fails here fails again at the flush. */
			sync_file_range(p->fd, (off_t)kicked, (off_t)(at - kicked),
					SYNC_FILE_RANGE_WRITE);
			kicked = at;
		}
	}
	return 0;
}

/* Who can't have a thread hashes as it writes. */
static int begin_hash(struct partial *p, const struct item *i, struct firn_error *err)
{
	if (i->size >= FOLLOW_BYTES &&
	    follower_start(p->fd, i->digest.alg, &p->follower, NULL) == 0)
		return 0;
	return hasher_new(i->digest.alg, &p->hash, err);
}

/* 1 when all of it is there and is something else. */
static int fill(struct partial *p, struct source *src, const struct item *i,
		const struct store_watch *watch, struct firn_error *err)
{
	struct digest got;
	char text[DIGEST_TEXT_MAX];
	int rc;

	p->follower = follower_free(p->follower);
	p->hash = hasher_free(p->hash);
	if (ftruncate(p->fd, (off_t)p->had) < 0)
		return firn_fail_errno(err, "cut");
	if ((rc = begin_hash(p, i, err)) < 0 || (rc = hash_had(p, watch, err)) < 0 ||
	    (rc = write_rest(p, src, watch, err)) < 0)
		return rc;
	rc = p->follower ? follower_finish(p->follower, &got, err)
			 : hasher_final(p->hash, &got, err);
	if (rc < 0)
		return rc;
	if (digest_equal(&got, &i->digest))
		return 0;
	firn_fail(err, FIRN_ECORRUPT, "its content is %s", digest_text(&got, text));
	return 1;
}

static int give_name(struct partial *p, int dirfd, const char *to, const struct item *i,
		     struct firn_error *err)
{
	_fd_ int folder = path_open_beneath(dirfd, to, O_RDONLY | O_DIRECTORY, 0, err);
	char hex[DIGEST_TEXT_MAX];

	if (folder < 0)
		return folder;
	if (FAULT_POINT("publish.flush") || fsync(p->fd) < 0)
		return firn_fail_errno(err, "flush");
	/* What has the name and isn't as long was there before, and is worth nothing. */
	if (FAULT_POINT("publish.rename") ||
	    renameat(p->folder, p->name, folder, digest_hex(&i->digest, hex)) < 0)
		return firn_fail_errno(err, "name %s", hex);
	return publish_sync(folder, err);
}

static void seal_named(const struct partial *p)
{
	char path[FD_PATH_MAX];
	_fd_ int fd = -1;

	if (!verity_is_offered(p->fd))
		return;
	fd = open(fd_path(p->fd, path), O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && dup3(fd, p->fd, O_CLOEXEC) == p->fd)
		(void)!verity_seal(p->fd);
}

static int fetch(struct partial *p, struct from *f, const struct item *i, int dirfd, const char *to,
		 bool seal, const struct store_watch *watch, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc = open_partial(p, dirfd, i, err);

	if (rc != 0 || (rc = from_blob(f, &i->digest, i->size, &src, err)) < 0)
		return rc;
	rc = fill(p, src, i, watch, err);
	/* What was there may be what a crash of the host has made of it. */
	if (rc == 1 && p->had) {
		p->had = 0;
		rc = fill(p, src, i, watch, err);
	}
	if (rc == 1) {
		unlinkat(p->folder, p->name, 0);
		return -FIRN_ECORRUPT;
	}
	if (rc < 0 || (rc = give_name(p, dirfd, to, i, err)) < 0)
		return rc;
	if (seal)
		seal_named(p);
	return 0;
}

int partial_fetch(struct from *f, const struct item *i, int dirfd, const char *to, bool seal,
		  const struct store_watch *watch, struct firn_error *err)
{
	_cleanup_(partial_done) struct partial p = { .folder = -1, .fd = -1 };
	char text[DIGEST_TEXT_MAX];
	int rc = fetch(&p, f, i, dirfd, to, seal, watch, err);

	return firn_wrap(err, rc, "blob %s", digest_text(&i->digest, text));
}

void partial_end(int dirfd)
{
	unlinkat(dirfd, SWEEP_PARTIAL, AT_REMOVEDIR);
}
