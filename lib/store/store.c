/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/store.h"

#include "base/fd.h"
#include "store/ops.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Bytes a copy moves at a time: large enough for few calls, small enough to stay in the cache. */
#define COPY_BYTES (256u << 10)

struct store *store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
	return NULL;
}

void store_closep(struct store **s)
{
	*s = store_close(*s);
}

void store_keep(struct store *s)
{
	if (s->ops->keep)
		s->ops->keep(s);
}

static int name_blob(const struct digest *d, int rc, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return firn_wrap(err, rc, "blob %s", digest_text(d, text));
}

int store_has(struct store *s, const struct digest *d, uint64_t *ret_size, struct firn_error *err)
{
	uint64_t size;
	int rc = s->ops->has(s, d, &size, err);

	if (rc < 0)
		return name_blob(d, rc, err);
	if (rc && ret_size)
		*ret_size = size;
	return rc;
}

static int open_source(struct store *s, const struct digest *d, struct source **ret,
		       struct firn_error *err)
{
	uint64_t at = 0, size = 0;
	int fd = -1, rc;

	if (s->ops->open)
		return s->ops->open(s, d, ret, err);
	rc = s->ops->open_fd(s, d, &fd, &at, &size, err);
	return rc < 0 ? rc : extent_source(fd, at, size, ret, err);
}

int store_open(struct store *s, const struct digest *d, struct source **ret, struct firn_error *err)
{
	return name_blob(d, open_source(s, d, ret, err), err);
}

int store_open_fd(struct store *s, const struct digest *d, int *ret_fd, uint64_t *ret_at,
		  uint64_t *ret_size, struct firn_error *err)
{
	int rc;

	if (!s->ops->open_fd)
		rc = firn_fail(err, FIRN_EUNSUPP, "lies in memory, not in a file");
	else
		rc = s->ops->open_fd(s, d, ret_fd, ret_at, ret_size, err);
	return name_blob(d, rc, err);
}

static int check_digest(enum digest_alg alg, const void *bytes, size_t n, const struct digest *want,
			struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	char text[DIGEST_TEXT_MAX];
	struct digest got;
	int rc;

	if ((rc = hasher_new(alg, &h, err)) < 0 || (rc = hasher_update(h, bytes, n, err)) < 0 ||
	    (rc = hasher_final(h, &got, err)) < 0)
		return rc;
	if (!digest_equal(&got, want))
		return firn_fail(err, FIRN_ECORRUPT, "its content is %s", digest_text(&got, text));
	return 0;
}

static int check_size(uint64_t found, uint64_t expected, struct firn_error *err)
{
	if (found == expected)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "has %llu bytes, its descriptor says %llu",
			 (unsigned long long)found, (unsigned long long)expected);
}

static int read_proven(struct store *s, const struct digest *d, uint64_t size, size_t max,
		       char **ret, size_t *ret_len, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_free_ char *text = NULL;
	int rc = open_source(s, d, &src, err);

	if (rc < 0)
		return rc;
	if (size && (rc = check_size(src->size, size, err)) < 0)
		return rc;
	if (src->size > max)
		return firn_fail(err, FIRN_ELIMIT, "larger than %zu bytes", max);
	text = malloc((size_t)src->size + 1);
	if (!text)
		return firn_fail_oom(err, "read");
	if ((rc = source_read_at(src, text, (size_t)src->size, 0, err)) < 0 ||
	    (rc = check_digest(d->alg, text, (size_t)src->size, d, err)) < 0)
		return rc;
	text[src->size] = '\0';
	*ret = take_ptr(&text);
	if (ret_len)
		*ret_len = (size_t)src->size;
	return 0;
}

int store_read(struct store *s, const struct digest *d, uint64_t size, size_t max, char **ret,
	       size_t *ret_len, struct firn_error *err)
{
	return name_blob(d, read_proven(s, d, size, max, ret, ret_len, err), err);
}

static int writer_new(struct store *s, enum digest_alg alg, uint64_t reserve,
		      struct blob_writer **ret, struct firn_error *err)
{
	struct blob_writer *w;
	int rc;

	if (!s->ops->writer)
		return firn_fail(err, FIRN_EUNSUPP, "this store is read-only");
	rc = s->ops->writer(s, alg, reserve, &w, err);
	if (rc < 0)
		return rc;
	w->store = s;
	w->reserve = reserve;
	w->size = reserve;
	*ret = w;
	return 0;
}

int blob_new(struct store *s, uint64_t reserve, struct blob_writer **ret, struct firn_error *err)
{
	return firn_wrap(err, writer_new(s, DIGEST_SHA256, reserve, ret, err), "new blob");
}

struct blob_writer *blob_free(struct blob_writer *w)
{
	if (w)
		w->ops->free(w);
	return NULL;
}

void blob_freep(struct blob_writer **w)
{
	*w = blob_free(*w);
}

int blob_write(struct blob_writer *w, const void *bytes, size_t n, struct firn_error *err)
{
	int rc;

	assert(w && !w->sealed);
	rc = w->ops->write(w, bytes, n, err);
	if (rc < 0)
		return firn_wrap(err, rc, "blob");
	w->size += n;
	return 0;
}

int blob_expect_head(struct blob_writer *w, const void *bytes, size_t n, struct firn_error *err)
{
	assert(w && !w->sealed && !w->head_filled && n == w->reserve);
	if (!w->ops->expect_head)
		return 0;
	return firn_wrap(err, w->ops->expect_head(w, bytes, err), "blob");
}

int blob_fill_head(struct blob_writer *w, const void *bytes, size_t n, struct firn_error *err)
{
	assert(w && !w->sealed && !w->head_filled && n == w->reserve);
	w->head_filled = true;
	return firn_wrap(err, w->ops->fill_head(w, bytes, err), "blob");
}

int blob_seal(struct blob_writer *w, struct digest *ret, uint64_t *ret_size, struct firn_error *err)
{
	int rc;

	assert(w && !w->sealed && (w->head_filled || !w->reserve));
	rc = w->ops->seal(w, err);
	if (rc < 0)
		return firn_wrap(err, rc, "blob");
	w->sealed = true;
	*ret = w->digest;
	if (ret_size)
		*ret_size = w->size;
	return 0;
}

int blob_source(struct blob_writer *w, struct source **ret, struct firn_error *err)
{
	assert(w->sealed && w->ops->source);
	return w->ops->source(w, ret, err);
}

const struct digest *blob_digest(const struct blob_writer *w)
{
	assert(w && w->sealed);
	return &w->digest;
}

int blob_flush(struct blob_writer *w, struct firn_error *err)
{
	int rc;

	assert(w && w->sealed);
	if (w->flushed)
		return 0;
	rc = w->ops->flush(w, err);
	if (rc < 0)
		return name_blob(&w->digest, rc, err);
	w->flushed = true;
	return 0;
}

void store_unpublish(struct store *s, struct blob_writer *const *blobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (blobs[i]->named) {
			assert(blobs[i]->store == s);
			blobs[i]->ops->unname(blobs[i]);
			blobs[i]->named = false;
		}
}

static int name_all(struct blob_writer *const *blobs, size_t n, struct firn_error *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = blobs[i]->ops->name(blobs[i], err);

		if (rc < 0)
			return name_blob(&blobs[i]->digest, rc, err);
		blobs[i]->named = rc == 0;
	}
	return 0;
}

int store_publish(struct store *s, struct blob_writer *const *blobs, size_t n,
		  struct firn_error *err)
{
	int rc;

	for (size_t i = 0; i < n; i++)
		if ((rc = blob_flush(blobs[i], err)) < 0)
			return rc;
	rc = name_all(blobs, n, err);
	if (rc == 0)
		rc = firn_wrap(err, s->ops->sync(s, err), "blobs");
	if (rc < 0)
		store_unpublish(s, blobs, n);
	return rc;
}

int blob_publish(struct blob_writer *w, struct firn_error *err)
{
	int rc;

	assert(w);
	rc = store_publish(w->store, &w, 1, err);
	return rc < 0 ? rc : !w->named;
}

int store_put(struct store *s, const void *bytes, size_t n, struct digest *ret,
	      struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	struct digest d;
	int rc;

	if ((rc = blob_new(s, 0, &w, err)) < 0 || (rc = blob_write(w, bytes, n, err)) < 0 ||
	    (rc = blob_seal(w, &d, NULL, err)) < 0 || (rc = blob_publish(w, err)) < 0)
		return rc;
	*ret = d;
	return 0;
}

static int seal_as(struct blob_writer *w, const struct digest *d, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	struct digest got;
	int rc = blob_seal(w, &got, NULL, err);

	if (rc == 0 && !digest_equal(&got, d))
		return firn_fail(err, FIRN_ECORRUPT, "its content is %s", digest_text(&got, text));
	return rc;
}

int blob_of(struct store *s, const struct digest *d, const void *bytes, size_t n,
	    struct blob_writer **ret, struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	int rc;

	if ((rc = writer_new(s, d->alg, 0, &w, err)) < 0 ||
	    (rc = blob_write(w, bytes, n, err)) < 0 || (rc = seal_as(w, d, err)) < 0)
		return name_blob(d, rc, err);
	*ret = take_ptr(&w);
	return 0;
}

/* A blob of which the store had a copy when it was asked for. */
static int present_flush(struct blob_writer *w, struct firn_error *err)
{
	(void)w;
	(void)err;
	return 0;
}

static int present_name(struct blob_writer *w, struct firn_error *err)
{
	int rc = w->store->ops->has(w->store, &w->digest, &w->size, err);

	if (rc == 0)
		return firn_fail(err, FIRN_EBUSY, "another process has just removed it");
	return rc;
}

static void present_free(struct blob_writer *w)
{
	free(w);
}

static const struct blob_ops present_ops = {
	.flush = present_flush,
	.name = present_name,
	.free = present_free,
};

static int present_new(struct store *s, const struct digest *d, uint64_t size,
		       struct blob_writer **ret, struct firn_error *err)
{
	struct blob_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return firn_fail_oom(err, "blob");
	w->ops = &present_ops;
	w->store = s;
	w->digest = *d;
	w->size = size;
	w->sealed = true;
	*ret = w;
	return 1;
}

static int copy_bytes(struct blob_writer *w, struct source *src, const struct store_watch *watch,
		      struct firn_error *err)
{
	_free_ char *chunk = malloc(COPY_BYTES);
	uint64_t at = 0;

	if (!chunk)
		return firn_fail_oom(err, "copy");
	while (at < src->size) {
		const uint64_t left = src->size - at;
		const size_t n = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
		int rc;

		if ((rc = source_read_at(src, chunk, n, at, err)) < 0 ||
		    (rc = blob_write(w, chunk, n, err)) < 0 ||
		    (watch && (rc = watch->moved(n, watch->ctx, err)) < 0))
			return rc;
		at += n;
	}
	return 0;
}

/* 1 when @w has the whole blob, because it shares the other's bytes. */
static int share(struct blob_writer *w, struct store *from, const struct digest *d, uint64_t size,
		 const struct store_watch *watch, struct firn_error *err)
{
	uint64_t at, there;
	_fd_ int fd = -1;

	if (!w->ops->share || !from->ops->open_fd || !size)
		return 0;
	/* Who can't give a file has its bytes read. */
	if (from->ops->open_fd(from, d, &fd, &at, &there, NULL) < 0 || at || there != size)
		return 0;
	return w->ops->share(w, fd, size, watch, err);
}

/* @from NULL: nothing can be shared. */
static int receive(struct store *to, struct store *from, struct source *src, const struct digest *d,
		   const struct store_watch *watch, struct blob_writer **ret,
		   struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	int rc;

	if ((rc = writer_new(to, d->alg, 0, &w, err)) < 0 ||
	    (from && (rc = share(w, from, d, src->size, watch, err)) < 0) ||
	    (rc == 0 && (rc = copy_bytes(w, src, watch, err)) < 0) || (rc = seal_as(w, d, err)) < 0)
		return rc;
	*ret = take_ptr(&w);
	return 0;
}

int store_receive(struct store *to, const struct digest *d, struct source *src,
		  const struct store_watch *watch, struct blob_writer **ret, struct firn_error *err)
{
	return name_blob(d, receive(to, NULL, src, d, watch, ret, err), err);
}

static int fetch(struct store *to, struct store *from, const struct digest *d, uint64_t size,
		 const struct store_watch *watch, struct blob_writer **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	uint64_t bytes;
	int rc;

	rc = to->ops->has(to, d, &bytes, err);
	if (rc < 0 || (rc && bytes == size))
		return rc < 0 ? rc : present_new(to, d, size, ret, err);
	if ((rc = open_source(from, d, &src, err)) < 0 ||
	    (rc = check_size(src->size, size, err)) < 0)
		return rc;
	return receive(to, from, src, d, watch, ret, err);
}

int store_fetch(struct store *to, struct store *from, const struct digest *d, uint64_t size,
		struct blob_writer **ret, struct firn_error *err)
{
	return store_fetch_watched(to, from, d, size, NULL, ret, err);
}

int store_fetch_watched(struct store *to, struct store *from, const struct digest *d, uint64_t size,
			const struct store_watch *watch, struct blob_writer **ret,
			struct firn_error *err)
{
	return name_blob(d, fetch(to, from, d, size, watch, ret, err), err);
}

int store_copy(struct store *to, struct store *from, const struct digest *d, uint64_t size,
	       struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	int rc = store_fetch(to, from, d, size, &w, err);

	return rc < 0 ? rc : blob_publish(w, err);
}
