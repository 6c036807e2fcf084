/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A layer as a tree and the bytes that its contents lie in, for a server of our own (serve/) where
 * the kernel mounts nothing for us. The same rules as in view/layers.h: what the tar's headers say
 * counts, an index of the layer's own is compared with them or refused, and others' compressed
 * layers are unpacked into the cache.
 */
#ifndef FIRN_VIEW_TREES_H
#define FIRN_VIEW_TREES_H

#include "view/layers.h"

struct view_tree {
	struct tree *tree;  /* its payloads lie in src */
	struct source *src; /* owned, and it owns fd */
	int fd;
	bool serial; /* one thread at a time may read src */
};

#define VIEW_TREE_NONE                                                                             \
	{                                                                                          \
		.fd = -1                                                                           \
	}

void view_tree_done(struct view_tree *t);

/*
 * The bytes [at, at + size) of the file @fd (taken, also on failure) as @ret's source; under
 * VIEW_CHECKED they are read once, and with @want proven. @ret's tree stays as it is.
 */
int view_tree_open(const struct view *v, int fd, uint64_t at, uint64_t size,
		   const struct digest *want, struct view_tree *ret,
		   struct firn_error *err) _must_check_;
/* The whole file. */
int view_tree_open_file(const struct view *v, int fd, struct view_tree *ret,
			struct firn_error *err) _must_check_;

/* The layer @desc of @s, as view_layer(). An implied root is one of which the layer says nothing.
 */
int view_layer_tree(const struct view *v, struct store *s, const struct oci_descriptor *desc,
		    const struct digest *diff_id, enum view_use use, struct view_tree *ret,
		    struct firn_error *err) _must_check_;

#endif
