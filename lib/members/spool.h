/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was taken out of a stream that can't be read twice: pieces one behind the other, first in
 * memory, and from SPOOL_MEMORY bytes on in a file without a name in /var/tmp (or /tmp), for
 * nobody's eyes but ours: they may be a process' memory. Zeros become holes of that file.
 */
#ifndef FIRN_MEMBERS_SPOOL_H
#define FIRN_MEMBERS_SPOOL_H

#include "base/buf.h"
#include "bytes/stream.h"

#define SPOOL_MEMORY (4u << 20)
#define SPOOL_MAX    (1ull << 30)

struct spool {
	struct buf memory;
	int fd; /* -1: everything is in memory */
	uint64_t size;
	uint64_t max; /* bytes in all */
};

#define SPOOL_INIT                                                                                 \
	{                                                                                          \
		.fd = -1, .max = SPOOL_MAX                                                         \
	}

void spool_done(struct spool *s);
/* Append all of @in; *ret_at is where it begins. */
int spool_take(struct spool *s, struct istream *in, uint64_t *ret_at, uint64_t *ret_size,
	       struct firn_error *err) _must_check_;
/* A file without a name, for what may be a process' memory. */
int spool_file(struct firn_error *err) _must_check_;
ssize_t spool_pread(struct spool *s, void *buf, size_t n, uint64_t at,
		    struct firn_error *err) _must_check_;

#endif
