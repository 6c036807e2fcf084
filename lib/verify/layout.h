/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole layout or one image of it: oci-layout, index.json, documents and contents. */
#ifndef FIRN_VERIFY_LAYOUT_H
#define FIRN_VERIFY_LAYOUT_H

#include "format/ref.h"
#include "verify/trace.h"

#include "firn/report.h"

struct layout_verified {
	uint64_t images, blobs;               /* looked at */
	struct trace_checkpoint *checkpoints; /* owned */
	size_t ncheckpoints;
};

/*
 * @ref: without a tag or digest everything is looked at, and what nothing leads to is told. A tag
 * that isn't there is -FIRN_ENOTFOUND.
 */
int verify_layout(const struct ref *ref, unsigned flags, const struct firn_report *report,
		  struct findings *f, struct layout_verified *ret,
		  struct firn_error *err) _must_check_;
void layout_verified_done(struct layout_verified *v);

#endif
