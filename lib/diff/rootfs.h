/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The filesystem deltas of two checkpoints entry by entry. For lib/diff alone. */
#ifndef FIRN_DIFF_ROOTFS_H
#define FIRN_DIFF_ROOTFS_H

#include "diff/delta.h"
#include "diff/section.h"

#define ROOTFS_DELTA "rootfs-diff.tar"

/*
 * What of @m's delta can be read without unpacking an archive, before diff_delta_finish(): 0, or 1
 * when ROOTFS_DELTA has to come out of members_pass().
 */
int rootfs_load(struct members *m, struct diff_delta *ret, struct firn_error *err) _must_check_;

struct rootfs_sums {
	uint64_t bytes; /* of files that are new or changed in B, as a layer has them */
};

/* The section "delta". */
void rootfs_compare(const struct diff_delta *a, const struct diff_delta *b, struct teller *t,
		    struct rootfs_sums *ret);

#endif
