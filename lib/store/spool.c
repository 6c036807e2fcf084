/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ops.h"

#include "base/fault.h"
#include "base/fd.h"
#include "store/publish.h"

#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ALIGN_BYTES 4096u
#define HASH_BYTES  (256u << 10)
#define FOLDER      "/var/tmp"

/* A blob of it; found by its first member. */
struct kept {
	struct digest digest;
	uint64_t at, size;
};

struct spool_store {
	struct store base;
	int fd;
	uint64_t end; /* of the file, in use */
	bool writing;
	void *blobs; /* a tree of struct kept, as tsearch() has it */
};

struct spool_writer {
	struct blob_writer base;
	struct spool_store *store;
	enum digest_alg alg;
	struct hasher *hash; /* NULL with a reserved head */
	uint64_t at;         /* where it begins */
	uint64_t next;       /* where the next byte goes */
};

static int compare(const void *va, const void *vb)
{
	return digest_compare(va, vb); /* the first member of struct kept */
}

static struct kept *find(struct store *s, const struct digest *d)
{
	void *const *found = tfind(d, &((struct spool_store *)s)->blobs, compare);

	return found ? *found : NULL;
}

/* Room that nobody needs any more: as good as the file system can. */
static void give_back(struct spool_store *s, uint64_t at, uint64_t size)
{
	size = (size + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
	if (size)
		fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
			  (off_t)size);
}

static int spool_has(struct store *s, const struct digest *d, uint64_t *ret_size,
		     struct firn_error *err)
{
	const struct kept *k = find(s, d);

	(void)err;
	if (!k)
		return 0;
	*ret_size = k->size;
	return 1;
}

static int spool_open_fd(struct store *s, const struct digest *d, int *ret_fd, uint64_t *ret_at,
			 uint64_t *ret_size, struct firn_error *err)
{
	const struct kept *k = find(s, d);
	int fd;

	if (!k)
		return firn_fail(err, FIRN_ENOTFOUND, "was not made");
	fd = fcntl(((struct spool_store *)s)->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return firn_fail_errno(err, "open again");
	*ret_fd = fd;
	*ret_at = k->at;
	*ret_size = k->size;
	return 0;
}

static int writer_write(struct blob_writer *w, const void *bytes, size_t n, struct firn_error *err)
{
	struct spool_writer *sw = (struct spool_writer *)w;
	int rc;

	if (sw->hash && (rc = hasher_update(sw->hash, bytes, n, err)) < 0)
		return rc;
	if (FAULT_POINT("blob.write"))
		return firn_fail_errno(err, "write");
	rc = fd_pwrite(sw->store->fd, bytes, n, sw->next, err);
	sw->next += n;
	return rc;
}

static int writer_fill_head(struct blob_writer *w, const void *bytes, struct firn_error *err)
{
	struct spool_writer *sw = (struct spool_writer *)w;

	return fd_pwrite(sw->store->fd, bytes, (size_t)w->reserve, sw->at, err);
}

/* From the page cache, where the bytes were just written. */
static int hash_all(struct spool_writer *sw, struct firn_error *err)
{
	_free_ uint8_t *chunk = malloc(HASH_BYTES);
	int rc = chunk ? hasher_new(sw->alg, &sw->hash, err) : firn_fail_oom(err, "hash");

	for (uint64_t at = sw->at; rc == 0 && at < sw->next;) {
		const uint64_t left = sw->next - at;
		const size_t n = left < HASH_BYTES ? (size_t)left : HASH_BYTES;
		const ssize_t got = fd_pread(sw->store->fd, chunk, n, at, err);

		if (got <= 0)
			return got < 0 ? (int)got
				       : firn_fail(err, FIRN_EFAIL, "lost bytes while writing");
		rc = hasher_update(sw->hash, chunk, (size_t)got, err);
		at += (uint64_t)got;
	}
	return rc;
}

static int writer_seal(struct blob_writer *w, struct firn_error *err)
{
	struct spool_writer *sw = (struct spool_writer *)w;
	int rc = sw->hash ? 0 : hash_all(sw, err);

	return rc < 0 ? rc : hasher_final(sw->hash, &w->digest, err);
}

static int writer_source(struct blob_writer *w, struct source **ret, struct firn_error *err)
{
	struct spool_writer *sw = (struct spool_writer *)w;
	const int fd = fcntl(sw->store->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return firn_fail_errno(err, "open again");
	return extent_source(fd, sw->at, w->size, ret, err);
}

/* It lives as long as this process. */
static int writer_flush(struct blob_writer *w, struct firn_error *err)
{
	(void)w;
	(void)err;
	return 0;
}

static int writer_name(struct blob_writer *w, struct firn_error *err)
{
	struct spool_writer *sw = (struct spool_writer *)w;
	struct kept *k;

	if (find(w->store, &w->digest))
		return 1;
	k = malloc(sizeof(*k));
	if (k)
		*k = (struct kept){ .digest = w->digest, .at = sw->at, .size = w->size };
	if (!k || !tsearch(k, &sw->store->blobs, compare)) {
		free(k);
		return firn_fail_oom(err, "blob");
	}
	sw->store->end = (sw->next + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
	return 0;
}

static void writer_unname(struct blob_writer *w)
{
	struct kept *k = find(w->store, &w->digest);

	tdelete(&w->digest, &((struct spool_store *)w->store)->blobs, compare);
	free(k);
}

static void writer_free(struct blob_writer *w)
{
	struct spool_writer *sw = (struct spool_writer *)w;

	if (!w->named)
		give_back(sw->store, sw->at, sw->next - sw->at);
	sw->store->writing = false;
	hasher_free(sw->hash);
	free(sw);
}

static const struct blob_ops writer_ops = {
	.write = writer_write,
	.fill_head = writer_fill_head,
	.seal = writer_seal,
	.source = writer_source,
	.flush = writer_flush,
	.name = writer_name,
	.unname = writer_unname,
	.free = writer_free,
};

static int spool_writer(struct store *s, enum digest_alg alg, uint64_t reserve,
			struct blob_writer **ret, struct firn_error *err)
{
	struct spool_store *spool = (struct spool_store *)s;
	struct spool_writer *w;
	int rc = 0;

	if (spool->writing)
		return firn_fail(err, FIRN_EBUSY, "one blob at a time");
	w = calloc(1, sizeof(*w));
	if (!w)
		return firn_fail_oom(err, "blob");
	w->base.ops = &writer_ops;
	w->store = spool;
	w->alg = alg;
	w->at = spool->end;
	w->next = w->at + reserve;
	if (!reserve)
		rc = hasher_new(alg, &w->hash, err);
	if (rc < 0) {
		free(w);
		return rc;
	}
	spool->writing = true;
	*ret = &w->base;
	return 0;
}

static int spool_sync(struct store *s, struct firn_error *err)
{
	(void)s;
	(void)err;
	return 0;
}

static void spool_close(struct store *s)
{
	struct spool_store *spool = (struct spool_store *)s;

	tdestroy(spool->blobs, free);
	fd_close(spool->fd);
	free(spool);
}

static const struct store_ops spool_ops = {
	.has = spool_has,
	.open_fd = spool_open_fd,
	.writer = spool_writer,
	.sync = spool_sync,
	.close = spool_close,
};

int store_spool_new(const char *folder, struct store **ret, struct firn_error *err)
{
	struct spool_store *s = calloc(1, sizeof(*s));
	int fd = s ? publish_unnamed(folder ? folder : FOLDER, err) : firn_fail_oom(err, "store");

	if (fd < 0) {
		free(s);
		return fd;
	}
	s->base.ops = &spool_ops;
	s->fd = fd;
	*ret = &s->base;
	return 0;
}

void store_spool_drop(struct store *store, const struct digest *d)
{
	struct kept *k = find(store, d);

	if (!k)
		return;
	tdelete(d, &((struct spool_store *)store)->blobs, compare);
	give_back((struct spool_store *)store, k->at, k->size);
	free(k);
}
