/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The progress of a copy, blob by blob: on a terminal a line for each that is on its way and one
 * for all together, drawn over, with those that are done above them; lines of those that are done
 * elsewhere; JSON events with their offsets for programs.
 */
#ifndef FIRN_SRC_BLOBS_H
#define FIRN_SRC_BLOBS_H

#include "progress.h"

#include <firn/copy.h>

struct blobs;

/* @p is borrowed. NULL when out of memory. */
struct blobs *blobs_new(struct progress *p);
void blobs_freep(struct blobs **b);

/* Let @how tell of everything here. */
void blobs_watch(struct blobs *b, struct firn_copy_opts *how);

#endif
