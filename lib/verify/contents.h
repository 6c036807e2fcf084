/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes of a layout's blobs: every digest; of layers the headers of the tar, and the index in
 * those that can be mounted. VERIFY_DEEP: what compressed layers unpack to.
 */
#ifndef FIRN_VERIFY_CONTENTS_H
#define FIRN_VERIFY_CONTENTS_H

#include "verify/blobset.h"

#include "firn/report.h"

struct contents {
	struct blobset *blobs;
	struct findings *findings;
	const struct firn_report *report; /* may be NULL */
	unsigned flags;                   /* enum verify_flags */
	bool all;                         /* blobs too that nothing leads to */
	bool orphans;                     /* and tell which these are */
	uint64_t total;                   /* bytes to read */
	uint64_t done, told;
	size_t layers; /* looked at */
};

/* After trace_run(): blobs are marked. */
int contents_check(struct contents *c, struct firn_error *err) _must_check_;

/* One layer, whatever its digest is. */
int contents_layer(struct contents *c, const struct blob *blob,
		   struct firn_error *err) _must_check_;

/*
 * All of @in, compressed with @codec, which is taken: a sound tar, and when @diff_id isn't NULL one
 * of that digest; @place is the layer's, @diff_place that of the diff_id. @packed: its size.
 */
int contents_unpacked(struct findings *f, struct istream *in, int codec, uint64_t packed,
		      const char *place, const struct digest *diff_id, const char *diff_place,
		      struct firn_error *err) _must_check_;

#endif
