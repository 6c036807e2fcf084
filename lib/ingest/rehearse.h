/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The head of a layer depends on all of its members, so a digest could be made only after the last
 * of them was written. An input that can be looked at ahead tells the members first; the head that
 * follows from them is the one to be expected.
 */
#ifndef FIRN_INGEST_REHEARSE_H
#define FIRN_INGEST_REHEARSE_H

#include "base/buf.h"
#include "ingest/input.h"

/*
 * The head of the layer of CRIU's images: 1, or 0 when @in can't tell. What is wrong with the input
 * gives 0 as well: whoever reads it will say so.
 */
int rehearse_images(struct input *in, struct buf *ret_head);

#endif
