/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* I, the index of one checkpoint or of several: a C and, where there is a rootfs, an R for each. */
#ifndef FIRN_INGEST_INDEX_H
#define FIRN_INGEST_INDEX_H

#include "ingest/ingest.h"

/* @containers, one at least, have their images; the index goes where theirs went. */
int index_make(struct ingest *const *containers, size_t n, struct oci_descriptor *ret,
	       struct firn_error *err) _must_check_;

#endif
