/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a source's blobs. */
#include "copy/from.h"

#include "base/fd.h"
#include "copy/door.h"

#include <stdlib.h>

/* A blob of a registry, read as it comes; who steps elsewhere asks for the rest anew. */
struct remote_blob {
	struct source base;
	struct registry *registry;
	struct digest digest;
	struct istream *in; /* NULL: nothing is asked for yet */
	uint64_t at;        /* where it stands */
};

static ssize_t remote_pread(struct source *src, void *buf, size_t n, uint64_t at,
			    struct firn_error *err)
{
	struct remote_blob *b = (struct remote_blob *)src;
	ssize_t got;
	int rc = 0;

	if (!b->in || at != b->at) {
		istream_close(b->in);
		b->in = NULL;
		rc = registry_blob(b->registry, &b->digest, at, src->size, &b->in, err);
		b->at = at;
	}
	if (rc < 0)
		return rc;
	got = istream_read_full(b->in, buf, n, err);
	if (got > 0)
		b->at += (uint64_t)got;
	return got;
}

static void remote_close(struct source *src)
{
	struct remote_blob *b = (struct remote_blob *)src;

	istream_close(b->in);
	free(b);
}

static int open_remote(struct from *f, const struct digest *d, uint64_t size, struct source **ret,
		       struct firn_error *err)
{
	static const struct source_ops ops = { remote_pread, remote_close };
	struct remote_blob *b = calloc(1, sizeof(*b));

	if (!b)
		return firn_fail_oom(err, "blob");
	b->base = (struct source){ .ops = &ops, .size = size };
	b->registry = f->registry;
	b->digest = *d;
	*ret = &b->base;
	return 0;
}

int from_blob(struct from *f, const struct digest *d, uint64_t size, struct source **ret,
	      struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	if (f->registry && !from_is_made(f, d))
		return open_remote(f, d, size, ret, err);
	rc = from_is_made(f, d) ? door_blob(f->door, d, &src, err)
				: store_open(f->store, d, &src, err);
	if (rc < 0)
		return rc;
	if (src->size != size)
		return firn_fail(err, FIRN_ECORRUPT, "has %llu bytes, its descriptor says %llu",
				 (unsigned long long)src->size, (unsigned long long)size);
	*ret = take_ptr(&src);
	return 0;
}
