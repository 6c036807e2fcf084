/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mountable layer (format/layer.h, format/packed.h) as the index in it has it, for who reads it
 * from afar: names, attributes and any byte of any file, and nothing in between is read, not even
 * the headers of the tar.
 *
 * So the index is believed, and nobody has compared it with the headers: whoever made the layer
 * could show another tree there. Where that matters the layer has to be at hand (layer_check(),
 * packed_check()). What is read is checked for what it is, and may be hostile.
 */
#ifndef FIRN_FORMAT_INDEXED_H
#define FIRN_FORMAT_INDEXED_H

#include "bytes/stream.h"
#include "format/tree.h"

/* Names that are read of one: they are in memory, some 25 MiB. */
#define INDEXED_MAX (1u << 17)

/*
 * If *src is such a layer: 1 and its tree, and in its place a source that owns it, which has the
 * contents at the offsets that the tree has. 0 when it is none, and *src stays what it is, as it
 * does after a failure. -FIRN_ELIMIT for more than @max names.
 *
 * The source is for one thread at a time.
 */
int indexed_open(struct source **src, uint32_t max, struct tree **ret_tree,
		 struct firn_error *err) _must_check_;

#endif
