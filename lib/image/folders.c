/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/folders.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <string.h>

struct walk {
	struct store *store;
	struct tree *tree;
	image_keep *keep;
	void *ctx;
	uint32_t max;
};

/*
 * While layers are read from the lowest up, node.device is the number of the layer that had the
 * folder last, so that whiteouts, which may come in any order, spare what their own layer has.
 */
static void hide_below(struct tree *t, struct node *folder, uint16_t layer)
{
	struct node *next;

	for (struct node *n = folder->children; n; n = next) {
		next = n->next;
		if (n->device < layer)
			tree_remove(t, n);
		else
			hide_below(t, n, layer);
	}
}

static void hide(struct tree *t, const char *path, int whiteout, uint16_t layer)
{
	struct node *n = tree_find(t, path);

	if (!n)
		return;
	if (whiteout == WHITEOUT_HIDES && n->device < layer && n != t->root)
		tree_remove(t, n);
	else
		hide_below(t, n, layer);
}

static int describe(struct tree *t, struct node *n, const struct tar_entry *e,
		    struct firn_error *err)
{
	xattrs_freep(&n->xattrs);
	n->mode = e->mode;
	n->uid = e->uid;
	n->gid = e->gid;
	n->mtime = e->mtime;
	n->mtime_ns = e->mtime_ns;
	n->implied = false;
	for (const struct xattr *x = e->xattrs; x; x = x->next) {
		int rc = tree_set_xattr(t, n, x->name, x->value, x->len, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A folder that no entry describes: an unpacker makes it like this. */
static void imply(struct node *n)
{
	n->mode = S_IFDIR | 0755;
	n->implied = true;
}

/* @n and all above it belong to @layer now. */
static void touch(struct tree *t, struct node *n, uint16_t layer)
{
	for (; n != t->root; n = n->parent)
		n->device = layer;
}

/* A kept file that this layer replaces by a folder which no entry describes. */
static void clear_way(struct walk *w, const char *path)
{
	const char *rest;
	struct node *n = tree_reach(w->tree, path, &rest);

	/* Nothing is below it: it is the last one on the way. */
	if (w->keep && *rest && !S_ISDIR(n->mode))
		tree_remove(w->tree, n);
}

/* What isn't a folder takes the place of one, kept or not, and its parents are there. */
static int apply_other(struct walk *w, const struct tar_entry *e, uint16_t layer,
		       struct firn_error *err)
{
	const char *path = e->path;
	struct tree *t = w->tree;
	const size_t above = (size_t)(path_basename(path) - path);
	_free_ char *parent = NULL;
	struct node *n = tree_find(t, path);
	int rc;

	if (n && n != t->root)
		tree_remove(t, n);
	if (w->keep && w->keep(path, w->ctx)) {
		rc = tree_make(t, path, &n, err);
		if (rc < 0)
			return rc;
		n->size = S_ISREG(e->mode) && !e->hardlink ? e->size : 0;
		touch(t, n, layer);
		return 0;
	}
	if (!above)
		return 0;
	parent = strndup(path, above - 1);
	if (!parent)
		return firn_fail_oom(err, "name");
	rc = tree_make(t, parent, &n, err);
	if (rc < 0)
		return rc;
	if (rc > 0)
		imply(n);
	touch(t, n, layer);
	return 0;
}

static int apply_entry(struct walk *w, const struct tar_entry *e, uint16_t layer,
		       struct firn_error *err)
{
	struct tree *t = w->tree;
	_free_ char *hidden = NULL;
	struct node *n = NULL;
	int rc = whiteout_parse(e->path, &hidden, err);

	if (rc < 0)
		return rc;
	if (rc > 0) {
		hide(t, hidden, rc, layer);
		return 0;
	}
	clear_way(w, e->path);
	if (!S_ISDIR(e->mode))
		return apply_other(w, e, layer, err);
	rc = tree_make(t, e->path, &n, err);
	if (rc < 0)
		return rc;
	touch(t, n, layer);
	return describe(t, n, e, err);
}

static int read_layer(struct walk *w, const struct digest *layer, uint16_t number,
		      struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e = NULL;
	int rc;

	if ((rc = store_open(w->store, layer, &src, err)) < 0 ||
	    (rc = tar_open_source(src, NULL, &tar, err)) < 0)
		return rc;
	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = apply_entry(w, e, number, err);
		if (rc >= 0 && w->max && w->tree->count > w->max)
			return firn_fail(err, FIRN_ELIMIT, "more than %u folders and files",
					 w->max);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int image_folders(struct store *s, const struct image *img, size_t nlayers, image_keep *keep,
		  void *ctx, struct tree **ret, struct firn_error *err)
{
	const struct image_keeping how = { .keep = keep, .ctx = ctx };

	return image_tree(s, img, nlayers, &how, ret, err);
}

int image_tree(struct store *s, const struct image *img, size_t nlayers,
	       const struct image_keeping *how, struct tree **ret, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct walk w = { .store = s, .keep = how->keep, .ctx = how->ctx, .max = how->max };
	int rc = tree_new(&t, err);

	w.tree = t;
	for (size_t i = 0; rc >= 0 && i < nlayers; i++)
		rc = firn_wrap(
		    err, read_layer(&w, &img->manifest.layers[i].digest, (uint16_t)(i + 1), err),
		    "layer %zu", i);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&t);
	return 0;
}
