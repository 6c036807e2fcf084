/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sealed blobs that wait to get their names all at once. */
#ifndef FIRN_INGEST_BLOBS_H
#define FIRN_INGEST_BLOBS_H

#include "store/store.h"

#include <stdbool.h>

struct blobs {
	struct blob_writer **list; /* owned */
	size_t count, room;
};

void blobs_done(struct blobs *b);
/* Takes *w, also on failure. */
int blobs_take(struct blobs *b, struct blob_writer **w, struct firn_error *err) _must_check_;

/* Whether one of them is @d. */
bool blobs_have(const struct blobs *b, const struct digest *d);

#endif
