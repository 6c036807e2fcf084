/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ops.h"

#include "base/fd.h"

#include <stdlib.h>

struct extent {
	struct source base;
	uint64_t at;
	int fd;
};

static ssize_t extent_pread(struct source *src, void *buf, size_t n, uint64_t at,
			    struct firn_error *err)
{
	struct extent *e = (struct extent *)src;

	if (at >= src->size)
		return 0;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	return fd_pread(e->fd, buf, n, e->at + at, err);
}

static void extent_close(struct source *src)
{
	struct extent *e = (struct extent *)src;

	fd_close(e->fd);
	free(e);
}

static const struct source_ops extent_ops = {
	.pread = extent_pread,
	.close = extent_close,
};

int extent_source(int fd, uint64_t at, uint64_t size, struct source **ret, struct firn_error *err)
{
	struct extent *e = malloc(sizeof(*e));

	if (!e) {
		fd_close(fd);
		return firn_fail_oom(err, "blob");
	}
	*e = (struct extent){
		.base = { .ops = &extent_ops, .size = size },
		.at = at,
		.fd = fd,
	};
	*ret = &e->base;
	return 0;
}
