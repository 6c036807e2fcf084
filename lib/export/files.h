/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of a checkpoint image C, wherever its layers have them: one tree of files and folders,
 * as they were in the engine's archive, and beside it what the compat layer holds. node.device is
 * the layer's number from 1, node.offset where its bytes begin in it.
 *
 * Names and kinds are checked: a whiteout, a device or a link that leads anywhere but from one dump
 * of a chain to the dump before it is -FIRN_ECORRUPT.
 */
#ifndef FIRN_EXPORT_FILES_H
#define FIRN_EXPORT_FILES_H

#include "export/blob_in.h"
#include "image/image.h"

struct files {
	struct blob_in **layers;
	size_t nlayers;
	struct tree *tree;
	struct tree *compat; /* empty: C has no such layer */
};

int files_open(struct store *s, const struct image *c, struct work *w, struct files *ret,
	       struct firn_error *err) _must_check_;
void files_done(struct files *f);

/* The regular file at @path of @t, or NULL. */
const struct node *files_find(const struct tree *t, const char *path);
/* The layer that has the content of @n, which isn't empty. */
struct blob_in *files_layer(const struct files *f, const struct node *n);
/* A small one in memory; larger than @max is -FIRN_ELIMIT. Caller frees. */
int files_text(const struct files *f, const struct node *n, size_t max, char **ret,
	       struct firn_error *err) _must_check_;
/*
 * config.dump as the engine wrote it: what firn had changed is undone, and the result proven. 0
 * when there is none.
 */
int files_config(const struct files *f, const struct image *c, struct buf *ret,
		 struct firn_error *err) _must_check_;
/* All layers are what their digests say. */
int files_prove(const struct files *f, struct firn_error *err) _must_check_;

#endif
