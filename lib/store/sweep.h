/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The blobs of a layout's folder, to be looked at one by one and removed. Whoever writes a layout
 * with firn holds a shared lock on blobs/sha256 (store/dir.c), a sweep the exclusive one: no blob
 * goes between a build's look at it and the index that refers to it.
 */
#ifndef FIRN_STORE_SWEEP_H
#define FIRN_STORE_SWEEP_H

#include "bytes/digest.h"

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Beside blobs/ (and in a dir: image): blobs that are on their way from a registry, "ALG-HEX". Who
 * fetches them holds the shared lock, too.
 */
#define SWEEP_PARTIAL ".firn-partial"

struct sweep;

/* @dirfd is borrowed. -FIRN_EBUSY when a writer doesn't end within @seconds. */
int sweep_open(int dirfd, unsigned seconds, struct sweep **ret,
	       struct firn_error *err) _must_check_;
struct sweep *sweep_close(struct sweep *s);
void sweep_closep(struct sweep **s);

/* Called with each file that has a blob's name; what it returns below 0 ends it. */
typedef int sweep_fn(const struct digest *d, const struct stat *st, void *ctx,
		     struct firn_error *err);

int sweep_each(struct sweep *s, sweep_fn *take, void *ctx, struct firn_error *err) _must_check_;
/* It may be called from within sweep_each(). */
int sweep_remove(struct sweep *s, const struct digest *d, struct firn_error *err) _must_check_;
/*
 * Remove what has not been added to since @before (seconds since the epoch) in @layout's
 * SWEEP_PARTIAL, and that folder if nothing is left in it; @dry: only count.
 */
int sweep_partial(struct sweep *s, int layout, int64_t before, bool dry, uint64_t *ret_files,
		  uint64_t *ret_bytes, struct firn_error *err) _must_check_;
/* What was removed is gone for good when this returns. */
int sweep_flush(struct sweep *s, struct firn_error *err) _must_check_;

#endif
