/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/base.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/ref.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <string.h>

struct base *base_free(struct base *b)
{
	if (!b)
		return NULL;
	tree_free(b->folders);
	image_done(&b->image);
	oci_descriptor_done(&b->target);
	layout_close(b->opened);
	free(b);
	return NULL;
}

void base_freep(struct base **b)
{
	*b = base_free(*b);
}

int base_open(const char *text, struct base **ret, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	_cleanup_(base_freep) struct base *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return firn_fail_oom(err, "base");
	if ((rc = ref_parse(text, &ref, err)) < 0 ||
	    (rc = layout_open_ref(&ref, &b->opened, err)) < 0 ||
	    (rc = layout_resolve(b->opened, &ref, &b->target, err)) < 0 ||
	    (rc = image_pick(layout_store(b->opened), &b->target, &b->image, err)) < 0)
		return rc;
	b->layout = b->opened;
	*ret = take_ptr(&b);
	return 0;
}

int base_open_in(struct layout *layout, const struct oci_descriptor *target, struct base **ret,
		 struct firn_error *err)
{
	_cleanup_(base_freep) struct base *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return firn_fail_oom(err, "base");
	b->layout = layout;
	b->target = *target;
	b->target.json = json_incref(target->json);
	rc = image_pick(layout_store(layout), target, &b->image, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&b);
	return 0;
}

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

static int describe(struct node *n, const struct tar_entry *e, struct firn_error *err)
{
	xattrs_freep(&n->xattrs);
	n->mode = e->mode;
	n->uid = e->uid;
	n->gid = e->gid;
	n->mtime = e->mtime;
	n->mtime_ns = e->mtime_ns;
	n->implied = false;
	for (const struct xattr *x = e->xattrs; x; x = x->next) {
		int rc = tree_set_xattr(n, x->name, x->value, x->len, err);

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

/* What isn't a folder is not kept: it takes the place of one, and its parents are there. */
static int apply_other(struct tree *t, const char *path, uint16_t layer, struct firn_error *err)
{
	const size_t above = (size_t)(path_basename(path) - path);
	_free_ char *parent = NULL;
	struct node *n = tree_find(t, path);
	int rc;

	if (n && n != t->root)
		tree_remove(t, n);
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

static int apply_entry(struct tree *t, const struct tar_entry *e, uint16_t layer,
		       struct firn_error *err)
{
	_free_ char *hidden = NULL;
	struct node *n = NULL;
	int rc = whiteout_parse(e->path, &hidden, err);

	if (rc < 0)
		return rc;
	if (rc > 0) {
		hide(t, hidden, rc, layer);
		return 0;
	}
	if (!S_ISDIR(e->mode))
		return apply_other(t, e->path, layer, err);
	rc = tree_make(t, e->path, &n, err);
	if (rc < 0)
		return rc;
	touch(t, n, layer);
	return describe(n, e, err);
}

static int read_layer(struct base *b, size_t i, struct tree *t, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e = NULL;
	int rc;

	if ((rc = store_open(layout_store(b->layout), &b->image.manifest.layers[i].digest, &src,
			     err)) < 0 ||
	    (rc = tar_open_source(src, NULL, &tar, err)) < 0)
		return rc;
	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = apply_entry(t, e, (uint16_t)(i + 1), err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int base_folder(struct base *b, const char *path, const struct node **ret, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	const struct node *n;
	int rc;

	if (!b->folders) {
		rc = tree_new(&t, err);
		for (size_t i = 0; rc >= 0 && i < b->image.manifest.nlayers; i++)
			rc = firn_wrap(err, read_layer(b, i, t, err), "base image: layer %zu", i);
		if (rc < 0)
			return rc;
		b->folders = take_ptr(&t);
	}
	n = tree_find(b->folders, path);
	*ret = n && S_ISDIR(n->mode) ? n : NULL;
	return 0;
}
