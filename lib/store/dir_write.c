/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/dir.h"

#include "base/fault.h"
#include "base/fd.h"
#include "bytes/follower.h"
#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* Tar headers and small files are gathered; a chunk of this or more is written as it comes. */
#define GATHER_BYTES (64u << 10)
/* The kernel is told to begin writing out so much at a time, so that the flush at the end is short.
 */
#define KICK_BYTES (8u << 20)
#define HASH_BYTES (1u << 20)
#define PAGE_BYTES 4096u
/*
 * Runs of zeros of this size and more become holes of the file: they take no room, and reading them
 * no input. Shorter ones would cut the file into pieces that are slower to read than the zeros.
 */
#define HOLE_BYTES (64u << 10)
/* From this size on it pays to hash in a thread beside the writing. */
#define FOLLOW_BYTES (4u << 20)

struct dir_blob {
	struct blob_writer base;
	enum digest_alg alg;
	struct publish file;
	struct hasher *hash; /* NULL with a reserved head: hashed by the follower or at the end */
	struct follower *follower;
	bool seal;       /* STORE_SEAL */
	bool expected;   /* the head is written, and is probably right */
	uint64_t at;     /* where the next gathered byte goes */
	uint64_t kicked; /* up to here writing out has begun */
	size_t used;     /* of gather */
	uint8_t *gather; /* GATHER_BYTES; NULL once sealed: many blobs may wait for their names */
};

/* Who can't have a thread hashes at the end. */
static void follow(struct dir_blob *b)
{
	if (b->expected && !b->follower && b->at >= FOLLOW_BYTES)
		b->expected = follower_start(b->file.fd, b->alg, &b->follower, NULL) == 0;
	if (b->follower)
		follower_advance(b->follower, b->at);
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/*
 * How many of the @n bytes that go to @at are to be written before a hole, which *ret_hole bytes
 * make. It begins and ends at pages of the file.
 */
static size_t until_hole(const uint8_t *bytes, size_t n, uint64_t at, size_t *ret_hole)
{
	size_t page = (size_t)(-at & (PAGE_BYTES - 1)), hole = 0;

	for (; page < n && n - page >= PAGE_BYTES; page += PAGE_BYTES) {
		if (is_zero(bytes + page, PAGE_BYTES))
			hole += PAGE_BYTES;
		else if (hole >= HOLE_BYTES)
			break;
		else
			hole = 0;
	}
	*ret_hole = hole >= HOLE_BYTES ? hole : 0;
	return *ret_hole ? page - hole : n;
}

/* The file is new: what isn't written is a hole. */
static int write_but_holes(struct dir_blob *b, const uint8_t *bytes, size_t n,
			   struct firn_error *err)
{
	uint64_t at = b->at;
	size_t hole = 0;

	while (n) {
		const size_t some = until_hole(bytes, n, at, &hole);
		int rc = some ? fd_pwrite(b->file.fd, bytes, some, at, err) : 0;

		if (rc < 0)
			return rc;
		at += some + hole;
		bytes += some + hole;
		n -= some + hole;
	}
	if (hole && ftruncate(b->file.fd, (off_t)at) < 0)
		return firn_fail_errno(err, "write");
	return 0;
}

static int write_out(struct dir_blob *b, const void *bytes, size_t n, struct firn_error *err)
{
	int rc;

	if (FAULT_POINT("blob.write"))
		return firn_fail_errno(err, "write");
	rc = write_but_holes(b, bytes, n, err);
	if (rc < 0)
		return rc;
	b->at += n;
	follow(b);
	if (b->at - b->kicked >= KICK_BYTES) {
		const uint64_t to = b->at & ~(uint64_t)(PAGE_BYTES - 1);

		/* Advice only: what fails here fails again, and is reported, at the flush. */
		sync_file_range(b->file.fd, (off_t)b->kicked, (off_t)(to - b->kicked),
				SYNC_FILE_RANGE_WRITE);
		b->kicked = to;
	}
	return 0;
}

static int drain(struct dir_blob *b, struct firn_error *err)
{
	const size_t n = b->used;

	b->used = 0;
	return n ? write_out(b, b->gather, n, err) : 0;
}

static int writer_write(struct blob_writer *w, const void *bytes, size_t n, struct firn_error *err)
{
	struct dir_blob *b = (struct dir_blob *)w;
	int rc;

	if (b->hash && (rc = hasher_update(b->hash, bytes, n, err)) < 0)
		return rc;
	if (n > GATHER_BYTES - b->used && (rc = drain(b, err)) < 0)
		return rc;
	if (n >= GATHER_BYTES)
		return write_out(b, bytes, n, err);
	memcpy(b->gather + b->used, bytes, n);
	b->used += n;
	return 0;
}

static int writer_expect_head(struct blob_writer *w, const void *bytes, struct firn_error *err)
{
	struct dir_blob *b = (struct dir_blob *)w;
	int rc = fd_pwrite(b->file.fd, bytes, (size_t)w->reserve, 0, err);

	b->expected = rc == 0;
	return rc;
}

/* Whether the head that was expected is @bytes. */
static bool head_is(struct dir_blob *b, const void *bytes)
{
	const size_t n = (size_t)b->base.reserve;
	_free_ uint8_t *was = malloc(n);

	return was && fd_pread(b->file.fd, was, n, 0, NULL) == (ssize_t)n &&
	       memcmp(was, bytes, n) == 0;
}

static int writer_fill_head(struct blob_writer *w, const void *bytes, struct firn_error *err)
{
	struct dir_blob *b = (struct dir_blob *)w;

	if (b->expected && head_is(b, bytes))
		return 0;
	b->follower = follower_free(b->follower);
	b->expected = false;
	if (FAULT_POINT("blob.write"))
		return firn_fail_errno(err, "write");
	return fd_pwrite(b->file.fd, bytes, (size_t)w->reserve, 0, err);
}

/* From the page cache, where the bytes were just written. */
static int hash_file(struct dir_blob *b, uint64_t size, const struct store_watch *watch,
		     struct firn_error *err)
{
	_free_ uint8_t *chunk = malloc(HASH_BYTES);
	int rc = chunk ? 0 : firn_fail_oom(err, "hash");

	for (uint64_t at = 0; rc == 0 && at < size;) {
		ssize_t got = fd_pread(b->file.fd, chunk, HASH_BYTES, at, err);

		if (got <= 0)
			return got < 0 ? (int)got
				       : firn_fail(err, FIRN_EFAIL, "lost bytes while writing");
		rc = hasher_update(b->hash, chunk, (size_t)got, err);
		if (rc == 0 && watch)
			rc = watch->moved((uint64_t)got, watch->ctx, err);
		at += (uint64_t)got;
	}
	return rc;
}

/* What is hashed is our file: whoever writes to the other one later changes nothing here. */
static int writer_share(struct blob_writer *w, int fd, uint64_t size,
			const struct store_watch *watch, struct firn_error *err)
{
	struct dir_blob *b = (struct dir_blob *)w;
	struct stat st;
	int rc;

	if (!b->hash || b->at || b->used || ioctl(b->file.fd, FICLONE, fd) < 0)
		return 0;
	if (fstat(b->file.fd, &st) < 0)
		return firn_fail_errno(err, "stat");
	if ((uint64_t)st.st_size != size)
		return firn_fail(err, FIRN_ECORRUPT, "changed while it was read");
	b->at = w->size = size;
	rc = hash_file(b, size, watch, err);
	return rc < 0 ? rc : 1;
}

static int writer_seal(struct blob_writer *w, struct firn_error *err)
{
	struct dir_blob *b = (struct dir_blob *)w;
	int rc;

	if ((rc = drain(b, err)) < 0)
		return rc;
	free(b->gather);
	b->gather = NULL;
	if (b->follower)
		return follower_finish(b->follower, &w->digest, err);
	if (!b->hash && ((rc = hasher_new(b->alg, &b->hash, err)) < 0 ||
			 (rc = hash_file(b, w->size, NULL, err)) < 0))
		return rc;
	return hasher_final(b->hash, &w->digest, err);
}

static int writer_source(struct blob_writer *w, struct source **ret, struct firn_error *err)
{
	return source_from_fd(((struct dir_blob *)w)->file.fd, ret, err);
}

static int writer_flush(struct blob_writer *w, struct firn_error *err)
{
	struct dir_blob *b = (struct dir_blob *)w;

	if (b->seal && w->size >= STORE_SEAL_BYTES)
		publish_seal(&b->file);
	return publish_flush(&b->file, err);
}

/*
 * A file of that name with another size is what a crash of some writer left: this one is proven,
 * so it takes its place.
 */
static int writer_name(struct blob_writer *w, struct firn_error *err)
{
	struct dir_blob *b = (struct dir_blob *)w;
	char hex[DIGEST_TEXT_MAX];
	struct stat st;
	int rc;

	digest_hex(&w->digest, hex);
	rc = publish_name(&b->file, hex, err);
	if (rc != 1)
		return rc;
	if (fstatat(b->file.dirfd, hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return firn_fail_errno(err, "stat");
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size == w->size)
		return 1;
	return publish_replace(&b->file, hex, err);
}

static void writer_unname(struct blob_writer *w)
{
	char hex[DIGEST_TEXT_MAX];

	unlinkat(((struct dir_blob *)w)->file.dirfd, digest_hex(&w->digest, hex), 0);
}

static void writer_free(struct blob_writer *w)
{
	struct dir_blob *b = (struct dir_blob *)w;

	follower_free(b->follower); /* before the file it reads */
	publish_done(&b->file);
	hasher_free(b->hash);
	free(b->gather);
	free(b);
}

static const struct blob_ops writer_ops = {
	.write = writer_write,
	.expect_head = writer_expect_head,
	.fill_head = writer_fill_head,
	.share = writer_share,
	.seal = writer_seal,
	.source = writer_source,
	.flush = writer_flush,
	.name = writer_name,
	.unname = writer_unname,
	.free = writer_free,
};

int dir_writer(int dirfd, enum digest_alg alg, uint64_t reserve, bool seal,
	       struct blob_writer **ret, struct firn_error *err)
{
	struct dir_blob *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return firn_fail_oom(err, "blob");
	b->base.ops = &writer_ops;
	b->alg = alg;
	b->seal = seal;
	b->at = reserve;
	b->file = (struct publish)PUBLISH_NONE;
	b->gather = malloc(GATHER_BYTES);
	if (!b->gather) {
		writer_free(&b->base);
		return firn_fail_oom(err, "blob");
	}
	if ((!reserve && (rc = hasher_new(alg, &b->hash, err)) < 0) ||
	    (rc = publish_open(dirfd, &b->file, err)) < 0) {
		writer_free(&b->base);
		return rc;
	}
	*ret = &b->base;
	return 0;
}
