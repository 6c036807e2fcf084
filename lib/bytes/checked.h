/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A source whose bytes stay what they were: it is read once to its end and the digest of each piece
 * is kept (32 bytes for each CHECKED_PIECE), and later every piece that is read is compared before
 * any byte of it is handed on. What changed since, or was cut off, is -FIRN_ECORRUPT.
 */
#ifndef FIRN_BYTES_CHECKED_H
#define FIRN_BYTES_CHECKED_H

#include "bytes/stream.h"

#define CHECKED_PIECE (128u << 10) /* what the kernel reads ahead by itself */

/* Told how many bytes have been read. */
typedef void checked_progress(void *ctx, uint64_t done, uint64_t total);

/*
 * @src is taken, on success only, and read whole. With @want its digest is proven
 * (-FIRN_ECORRUPT). One thread at a time may read the result. @told may be NULL.
 */
int checked_open(struct source *src, const struct digest *want, checked_progress *told, void *ctx,
		 struct source **ret, struct firn_error *err) _must_check_;

#endif
