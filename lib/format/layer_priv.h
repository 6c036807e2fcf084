/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two directions of a mountable layer, printing and checking, know of each other. */
#ifndef FIRN_FORMAT_LAYER_PRIV_H
#define FIRN_FORMAT_LAYER_PRIV_H

#include "format/layer.h"

/* The head's records: the comment with the superblock, then the root's own. */
#define LAYER_RECORDS_AT    512u
#define LAYER_RECORDS_BYTES (LAYER_HEAD_BYTES - LAYER_RECORDS_AT)
/* The superblock's whole block belongs to the comment, since its checksum covers it. */
#define LAYER_COMMENT_MIN (2 * LAYER_BLOCK)
/* A block address has 32 bits, and the metadata comes behind all payloads. */
#define LAYER_BYTES_MAX (UINT64_C(15) << 40)

struct layer {
	struct tree *tree;
	uint64_t bytes;          /* of the blob so far */
	struct buf root_records; /* what the root has in the head besides the comment */
	bool begun;              /* the root's header is out */
};

/* Print the root's header, which follows the head. */
void layer_put_root(struct layer *l, struct buf *out);

/*
 * Whether the failure @rc of looking at a layer is the bytes' fault: it is just not ours then. What
 * can't be read is nobody's verdict.
 */
static inline bool layer_is_bytes_fault(int rc)
{
	return rc == -FIRN_ECORRUPT || rc == -FIRN_EINVAL || rc == -FIRN_ELIMIT ||
	       rc == -FIRN_EUNSUPP;
}

static inline uint64_t layer_align(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

#endif
