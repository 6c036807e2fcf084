/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes that must have a digest. They can be used while they are read, but nothing that is made of
 * them may be named before the end was read, because only there it is known that they are right.
 */
#ifndef FIRN_BYTES_VERIFY_H
#define FIRN_BYTES_VERIFY_H

#include "bytes/stream.h"

#define VERIFY_ANY_SIZE UINT64_MAX

/*
 * The bytes of @in, which is taken (also on failure). At the end, and as soon as there are more
 * than @size of them, -FIRN_ECORRUPT unless there are @size and their digest is @want. A failure is
 * final.
 */
int verify_reader(struct istream *in, const struct digest *want, uint64_t size,
		  struct istream **ret, struct firn_error *err) _must_check_;

/* Read all of borrowed @src for its digest. */
int verify_source(struct source *src, const struct digest *want,
		  struct firn_error *err) _must_check_;

#endif
