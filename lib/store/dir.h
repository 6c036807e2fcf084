/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two halves of the folder store: dir.c has the folders, dir_write.c the writer. Private. */
#ifndef FIRN_STORE_DIR_H
#define FIRN_STORE_DIR_H

#include "store/ops.h"

/* The folder for blobs of @alg, borrowed; made when it isn't there. */
int dir_folder(struct store *s, enum digest_alg alg, int *ret, struct firn_error *err) _must_check_;

int dir_writer(struct store *s, enum digest_alg alg, uint64_t reserve, struct blob_writer **ret,
	       struct firn_error *err) _must_check_;

#endif
