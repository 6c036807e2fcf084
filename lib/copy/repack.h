/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plain mountable layer becomes the compressed one that a build would have made of it. */
#ifndef FIRN_COPY_REPACK_H
#define FIRN_COPY_REPACK_H

#include "image/packed_out.h"

/*
 * @src is a layer of ours (layer_check()), @tree what that found. The blob is made in @to, sealed
 * and unnamed; ret->plain is the digest of what was read, which the caller compares. Memory is that
 * of the tree and 16 bytes for each file.
 */
int repack(struct source *src, struct tree *tree, struct frame_pool *pool, struct store *to,
	   const struct store_watch *watch, struct packed_out_result *ret,
	   struct firn_error *err) _must_check_;

#endif
