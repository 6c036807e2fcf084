/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writer of blobs that become files, for stores that keep them in folders. */
#ifndef FIRN_STORE_DIR_H
#define FIRN_STORE_DIR_H

#include "store/ops.h"

/* A blob for the folder @dirfd (borrowed), where its name will be HEX; @seal: STORE_SEAL. */
int dir_writer(int dirfd, enum digest_alg alg, uint64_t reserve, bool seal,
	       struct blob_writer **ret, struct firn_error *err) _must_check_;

#endif
