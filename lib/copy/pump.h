/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moves the blobs of a plan, several at once. Threads do the work; the caller's own thread tells of
 * it meanwhile, and waits.
 */
#ifndef FIRN_COPY_PUMP_H
#define FIRN_COPY_PUMP_H

#include "copy/to.h"

#define PUMP_JOBS_MAX 64

struct moved {
	uint64_t blobs, bytes, present_blobs, present_bytes;
};

/* All blobs, then all documents in their order. Adds to @ret. */
int pump_run(struct from *f, struct to *t, const struct plan *p, const struct firn_copy_opts *opts,
	     struct moved *ret, struct firn_error *err) _must_check_;

#endif
