/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* R: the base's layers and the delta on top, an ordinary image of the container's filesystem. */
#ifndef FIRN_INGEST_ROOTFS_H
#define FIRN_INGEST_ROOTFS_H

#include "ingest/ingest.h"

/* A bare process has no filesystem of its own, unless a base is given for it. */
bool rootfs_wanted(const struct ingest *g);

/* All deletions are in the delta now, and what this engine's archive lost is noted. */
int rootfs_finish_delta(struct ingest *g, struct firn_error *err) _must_check_;

/* Sets g->rootfs and g->names.id. */
int rootfs_make(struct ingest *g, struct firn_error *err) _must_check_;

#endif
