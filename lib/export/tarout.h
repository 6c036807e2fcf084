/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A tar as Go's archive/tar prints it, with which all three engines write: ustar blocks, a pax
 * header "DIR/PaxHeaders.0/NAME" before those that don't fit, two zero blocks at the end and no
 * padding behind. Without a sink it only counts, so that a tar inside a tar is sized by the same
 * code that writes it.
 */
#ifndef FIRN_EXPORT_TAROUT_H
#define FIRN_EXPORT_TAROUT_H

#include "export/blob_in.h"
#include "format/ustar.h"

struct tarout {
	struct sink *to; /* borrowed; NULL: count */
	uint64_t bytes;  /* so far */
	struct work *work;
	struct buf head, records;
};

void tarout_done(struct tarout *t);

/* The headers of @m; exactly m->size bytes and tarout_pad() follow. */
int tarout_member(struct tarout *t, const struct ustar *m, struct firn_error *err) _must_check_;
int tarout_bytes(struct tarout *t, const void *bytes, uint64_t n,
		 struct firn_error *err) _must_check_;
/* Counting, nothing is read. */
int tarout_copy(struct tarout *t, struct blob_in *b, uint64_t at, uint64_t n, const char *what,
		struct firn_error *err) _must_check_;
int tarout_pad(struct tarout *t, struct firn_error *err) _must_check_;
int tarout_end(struct tarout *t, struct firn_error *err) _must_check_;

#endif
