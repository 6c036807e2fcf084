/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ops.h"

#include "base/buf.h"
#include "base/fd.h"

#include <stdlib.h>
#include <string.h>

struct mem_blob {
	struct mem_blob *next;
	struct digest digest;
	struct buf bytes;
};

struct mem_store {
	struct store base;
	struct mem_blob *blobs;
};

struct mem_writer {
	struct blob_writer base;
	enum digest_alg alg;
	struct buf bytes;
};

static struct mem_blob **find(struct mem_store *m, const struct digest *d)
{
	struct mem_blob **at = &m->blobs;

	while (*at && !digest_equal(&(*at)->digest, d))
		at = &(*at)->next;
	return at;
}

static int mem_has(struct store *s, const struct digest *d, uint64_t *ret_size,
		   struct firn_error *err)
{
	struct mem_blob *b = *find((struct mem_store *)s, d);

	(void)err;
	if (!b)
		return 0;
	*ret_size = b->bytes.len;
	return 1;
}

static int mem_open(struct store *s, const struct digest *d, struct source **ret,
		    struct firn_error *err)
{
	struct mem_blob *b = *find((struct mem_store *)s, d);

	if (!b)
		return firn_fail(err, FIRN_ENOTFOUND, "is not in memory");
	return source_from_mem(b->bytes.data, b->bytes.len, ret, err);
}

static int mem_sync(struct store *s, struct firn_error *err)
{
	(void)s;
	(void)err;
	return 0;
}

static void mem_close(struct store *s)
{
	struct mem_store *m = (struct mem_store *)s;

	while (m->blobs) {
		struct mem_blob *b = m->blobs;

		m->blobs = b->next;
		buf_done(&b->bytes);
		free(b);
	}
	free(m);
}

static int writer_write(struct blob_writer *w, const void *bytes, size_t n, struct firn_error *err)
{
	struct mem_writer *m = (struct mem_writer *)w;

	buf_put(&m->bytes, bytes, n);
	return buf_check(&m->bytes, err);
}

static int writer_fill_head(struct blob_writer *w, const void *bytes, struct firn_error *err)
{
	struct mem_writer *m = (struct mem_writer *)w;

	(void)err;
	if (w->reserve)
		memcpy(m->bytes.data, bytes, (size_t)w->reserve);
	return 0;
}

static int writer_seal(struct blob_writer *w, struct firn_error *err)
{
	struct mem_writer *m = (struct mem_writer *)w;
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	int rc;

	if ((rc = hasher_new(m->alg, &h, err)) < 0 ||
	    (rc = hasher_update(h, m->bytes.data, m->bytes.len, err)) < 0)
		return rc;
	return hasher_final(h, &w->digest, err);
}

static int writer_source(struct blob_writer *w, struct source **ret, struct firn_error *err)
{
	const struct mem_writer *m = (struct mem_writer *)w;

	return source_from_mem(m->bytes.data, m->bytes.len, ret, err);
}

static int writer_flush(struct blob_writer *w, struct firn_error *err)
{
	(void)w;
	(void)err;
	return 0;
}

static int writer_name(struct blob_writer *w, struct firn_error *err)
{
	struct mem_writer *m = (struct mem_writer *)w;
	struct mem_store *s = (struct mem_store *)w->store;
	struct mem_blob *b;

	if (*find(s, &w->digest))
		return 1;
	b = malloc(sizeof(*b));
	if (!b)
		return firn_fail_oom(err, "blob");
	*b = (struct mem_blob){ .next = s->blobs, .digest = w->digest, .bytes = m->bytes };
	m->bytes = (struct buf)BUF_INIT;
	s->blobs = b;
	return 0;
}

static void writer_unname(struct blob_writer *w)
{
	struct mem_blob **at = find((struct mem_store *)w->store, &w->digest), *b = *at;

	if (!b)
		return;
	*at = b->next;
	buf_done(&b->bytes);
	free(b);
}

static void writer_free(struct blob_writer *w)
{
	struct mem_writer *m = (struct mem_writer *)w;

	buf_done(&m->bytes);
	free(m);
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

static int mem_writer(struct store *s, enum digest_alg alg, uint64_t reserve,
		      struct blob_writer **ret, struct firn_error *err)
{
	struct mem_writer *m = calloc(1, sizeof(*m));

	(void)s;
	if (!m)
		return firn_fail_oom(err, "blob");
	m->base.ops = &writer_ops;
	m->alg = alg;
	buf_fill(&m->bytes, 0, (size_t)reserve);
	if (m->bytes.oom) {
		writer_free(&m->base);
		return firn_fail_oom(err, "blob");
	}
	*ret = &m->base;
	return 0;
}

static const struct store_ops mem_ops = {
	.has = mem_has,
	.open = mem_open,
	.writer = mem_writer,
	.sync = mem_sync,
	.close = mem_close,
};

int store_mem_new(struct store **ret, struct firn_error *err)
{
	struct mem_store *m = calloc(1, sizeof(*m));

	if (!m)
		return firn_fail_oom(err, "store");
	m->base.ops = &mem_ops;
	*ret = &m->base;
	return 0;
}
