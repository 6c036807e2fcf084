/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checkpoint's own file as one more image beside C and R (role source): a blob that is written
 * while the members are read, and a manifest of it that no engine takes for an image to run.
 */
#ifndef FIRN_INGEST_KEPT_H
#define FIRN_INGEST_KEPT_H

#include "ingest/ingest.h"

/* Before the first member. -FIRN_EINVAL when the input is no single file. */
int kept_open(struct ingest *g, struct firn_error *err) _must_check_;
/* After the last one: g->kept_layer. */
int kept_finish(struct ingest *g, struct firn_error *err) _must_check_;
/* Its manifest, g->kept. */
int kept_image(struct ingest *g, struct firn_error *err) _must_check_;

#endif
