/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ops.h"

#include "base/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct archive_store {
	struct store base;
	int fd;                       /* -1: src */
	struct source *src;           /* NULL: fd */
	struct store_extent *extents; /* sorted by digest */
	size_t n;
};

static int compare(const void *va, const void *vb)
{
	const struct store_extent *a = va, *b = vb;

	return digest_compare(&a->digest, &b->digest);
}

static const struct store_extent *find(struct store *s, const struct digest *d)
{
	struct archive_store *a = (struct archive_store *)s;
	const struct store_extent key = { .digest = *d };

	return a->n ? bsearch(&key, a->extents, a->n, sizeof(key), compare) : NULL;
}

static int archive_has(struct store *s, const struct digest *d, uint64_t *ret_size,
		       struct firn_error *err)
{
	const struct store_extent *e = find(s, d);

	(void)err;
	if (!e)
		return 0;
	*ret_size = e->size;
	return 1;
}

static int archive_open_fd(struct store *s, const struct digest *d, int *ret_fd, uint64_t *ret_at,
			   uint64_t *ret_size, struct firn_error *err)
{
	struct archive_store *a = (struct archive_store *)s;
	const struct store_extent *e = find(s, d);
	int fd;

	if (!e)
		return firn_fail(err, FIRN_ENOTFOUND, "is not in the archive");
	if (a->src)
		return firn_fail(err, FIRN_EUNSUPP,
				 "lies in an archive that can't be used in place; unpack it");
	fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return firn_fail_errno(err, "open again");
	*ret_fd = fd;
	*ret_at = e->at;
	*ret_size = e->size;
	return 0;
}

static int open_in_source(struct archive_store *a, const struct digest *d, struct source **ret,
			  struct firn_error *err)
{
	const struct store_extent *e = find(&a->base, d);

	if (!e)
		return firn_fail(err, FIRN_ENOTFOUND, "is not in the archive");
	if (e->bytes)
		return source_from_mem(e->bytes, (size_t)e->size, ret, err);
	return source_range(a->src, e->at, e->size, ret, err);
}

static int archive_open(struct store *s, const struct digest *d, struct source **ret,
			struct firn_error *err)
{
	struct archive_store *a = (struct archive_store *)s;
	uint64_t at = 0, size = 0;
	int fd = -1, rc;

	if (a->src)
		return open_in_source(a, d, ret, err);
	rc = archive_open_fd(s, d, &fd, &at, &size, err);
	return rc < 0 ? rc : extent_source(fd, at, size, ret, err);
}

static void extents_free(struct store_extent *extents, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(extents[i].bytes);
	free(extents);
}

static void archive_close(struct store *s)
{
	struct archive_store *a = (struct archive_store *)s;

	fd_close(a->fd);
	source_close(a->src);
	extents_free(a->extents, a->n);
	free(a);
}

static const struct store_ops archive_ops = {
	.has = archive_has,
	.open = archive_open,
	.open_fd = archive_open_fd,
	.close = archive_close,
};

/* Takes @fd (or -1), @src (or NULL) and @extents, also on failure. */
static int open_store(int fd, struct source *src, struct store_extent *extents, size_t n,
		      struct store **ret, struct firn_error *err)
{
	struct archive_store *a = malloc(sizeof(*a));

	if (!a) {
		fd_close(fd);
		source_close(src);
		extents_free(extents, n);
		return firn_fail_oom(err, "archive");
	}
	if (n)
		qsort(extents, n, sizeof(*extents), compare);
	*a = (struct archive_store){
		.base = { .ops = &archive_ops },
		.fd = fd,
		.src = src,
		.extents = extents,
		.n = n,
	};
	*ret = &a->base;
	return 0;
}

int store_archive_open(int fd, struct store_extent *extents, size_t n, struct store **ret,
		       struct firn_error *err)
{
	return open_store(fd, NULL, extents, n, ret, err);
}

int store_source_open(struct source *src, struct store_extent *extents, size_t n,
		      struct store **ret, struct firn_error *err)
{
	return open_store(-1, src, extents, n, ret, err);
}
