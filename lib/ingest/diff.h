/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two members of an archive that hold the delta, rootfs-diff.tar and deleted.files: converted
 * while they are read, kept as the layer that they are, or both of it and once more as they came.
 */
#ifndef FIRN_INGEST_DIFF_H
#define FIRN_INGEST_DIFF_H

#include "ingest/ingest.h"

/* Tells the progress; a layer_out_watch whose context is the struct ingest. */
void diff_watch(const char *path, const void *bytes, size_t n, uint64_t at, void *ctx);

int diff_take(struct ingest *g, const struct tar_entry *e, struct firn_error *err) _must_check_;
int diff_take_deleted(struct ingest *g, const struct tar_entry *e,
		      struct firn_error *err) _must_check_;

/*
 * Now that the engine is known: what had to wait is converted unless it is a layer as it stands.
 */
int diff_conclude(struct ingest *g, struct firn_error *err) _must_check_;

#endif
