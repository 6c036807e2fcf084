/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layers as files and folders in the cache, mounted by binding: the road for kernels without EROFS,
 * and for who wants it.
 *
 *   CACHE/tree/sha256/KEY/reflink   the tree, if it shares blocks with what it was made from
 *                         copy      else this
 *   CACHE/tree/sha256/.firn-KEY/    one in the making; whoever makes it holds its lock (flock)
 *
 * KEY is a layer's diff_id, proven while the tree was made, with ".data" for one that was found to
 * hold files and folders only; or the digest of all that is known of the part of an archive that
 * nobody has a digest of. A tree gets its name when it is whole and on the disk. What a killed
 * process has left goes when the next tree is made. Trees that are mounted must not be deleted.
 */
#ifndef FIRN_VIEW_COPIED_H
#define FIRN_VIEW_COPIED_H

#include "store/store.h"
#include "view/layers.h"

/* view_layer() by this road. */
int copied_layer(const struct view *v, struct store *s, const struct oci_descriptor *desc,
		 const struct digest *diff_id, enum view_use use, struct view_mount *ret,
		 struct firn_error *err) _must_check_;

/* index_mount() by this road; @index is what the tree was printed as. */
int copied_tree(const struct view *v, struct tree *tree, const struct index_file *file,
		const struct buf *index, struct view_mount *ret,
		struct firn_error *err) _must_check_;

#endif
