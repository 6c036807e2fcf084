/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The digest of a file that is still being written, made beside the writing by a thread of its own
 * that reads from the page cache what was just put there. The writer tells how far it is; it never
 * changes a byte that it has told of.
 */
#ifndef FIRN_BYTES_FOLLOWER_H
#define FIRN_BYTES_FOLLOWER_H

#include "bytes/digest.h"

struct follower;

/* Follow the file @fd, which is borrowed, from its beginning. */
int follower_start(int fd, enum digest_alg alg, struct follower **ret,
		   struct firn_error *err) _must_check_;
/* The first @told bytes are in the file. */
void follower_advance(struct follower *f, uint64_t told);
/* The file is complete, with as many bytes as were told: wait for its digest. */
int follower_finish(struct follower *f, struct digest *ret, struct firn_error *err) _must_check_;
/* Stops it wherever it is. */
struct follower *follower_free(struct follower *f);

#endif
