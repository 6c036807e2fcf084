/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a container of an image sees before it changes anything: the folders of all layers, with the
 * attributes of the topmost layer that has them. Other files are kept on request only, since an
 * image has many more of them.
 */
#ifndef FIRN_IMAGE_FOLDERS_H
#define FIRN_IMAGE_FOLDERS_H

#include "format/tree.h"
#include "image/image.h"

/* Whether what isn't a folder shall be in the tree, as a file without attributes or content. */
typedef bool image_keep(const char *path, void *ctx);

/* What of an image is kept, and how much of it may be. */
struct image_keeping {
	image_keep *keep; /* NULL: folders alone */
	void *ctx;
	uint32_t max; /* nodes; -FIRN_ELIMIT above, 0: as many as a tree takes */
};

/* As image_folders(); kept files have their sizes. */
int image_tree(struct store *s, const struct image *img, size_t nlayers,
	       const struct image_keeping *how, struct tree **ret,
	       struct firn_error *err) _must_check_;
/*
 * The lowest @nlayers layers of @img, whose blobs are in @s. Only headers are read, which takes its
 * time for compressed layers. @keep may be NULL: folders alone.
 */
int image_folders(struct store *s, const struct image *img, size_t nlayers, image_keep *keep,
		  void *ctx, struct tree **ret, struct firn_error *err) _must_check_;

#endif
