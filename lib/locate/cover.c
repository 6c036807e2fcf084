/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "locate/cover.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/whiteout.h"

#include <string.h>

int cover_open(struct cover *c, struct firn_error *err)
{
	*c = (struct cover){ .layer = 0 };
	return tree_new(&c->tree, err);
}

void cover_done(struct cover *c)
{
	c->tree = tree_free(c->tree);
}

void cover_descend(struct cover *c)
{
	c->layer++;
}

/*
 * node.nid is the number of the layer whose mark makes a folder opaque: it hides what is below that
 * layer, never what the layer itself has, wherever in it the mark stands.
 */
static void mark_opaque(struct cover *c, struct node *n)
{
	if (!n->opaque)
		n->nid = c->layer;
	n->opaque = true;
}

/* Whether layers above let nothing through @n, which is above or at an entry of this layer. */
static bool hides(const struct cover *c, const struct node *n, bool at)
{
	if (n->whiteout || !S_ISDIR(n->mode))
		return n->device < c->layer;
	return !at && n->opaque && n->nid < c->layer;
}

/* A folder that this layer has over its own whiteout: it is there, and hides what is below. */
static void replace_whiteout(struct cover *c, struct node *n)
{
	if (!n->whiteout || n->device != c->layer)
		return;
	n->whiteout = false;
	n->mode = S_IFDIR | 0755;
	mark_opaque(c, n);
}

/* Whether nothing of @path is hidden by what lies above it in the tree. */
static bool reaches(struct cover *c, const char *path)
{
	struct node *n = c->tree->root;
	char name[PATH_NAME_MAX + 1];

	if (hides(c, n, false))
		return false;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(path, '/')) {
		memcpy(name, path, (size_t)(slash - path));
		name[slash - path] = '\0';
		n = tree_child(c->tree, n, name);
		if (!n)
			return true;
		if (hides(c, n, false))
			return false;
		replace_whiteout(c, n);
		path = slash + 1;
	}
	return true;
}

/* Folders that were made because something is in them belong to the layer that has that. */
static void own_parents(struct cover *c, struct node *n)
{
	for (n = n->parent; n != c->tree->root && !n->device; n = n->parent)
		n->device = c->layer;
}

/* A name that no layer above has, with all that is missing above it. */
static int make_node(struct cover *c, const char *path, struct node **ret, struct firn_error *err)
{
	int rc;

	if (c->tree->count >= COVER_NAMES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u names in all layers",
				 COVER_NAMES_MAX);
	rc = tree_make(c->tree, path, ret, err);
	if (rc < 0)
		return rc;
	(*ret)->device = c->layer;
	own_parents(c, *ret);
	return 0;
}

static int take_whiteout(struct cover *c, const char *path, int kind, struct firn_error *err)
{
	struct node *n = tree_find(c->tree, path);
	int rc;

	if (n && S_ISDIR(n->mode)) {
		mark_opaque(c, n);
		return 0;
	}
	if (n) /* it hides already what this would hide */
		return 0;
	rc = make_node(c, path, &n, err);
	if (rc < 0)
		return rc;
	if (kind == WHITEOUT_HIDES) {
		n->whiteout = true;
		n->mode = S_IFCHR;
		return 0;
	}
	n->mode = S_IFDIR | 0755;
	n->implied = true; /* the folder itself may be one of a layer below */
	mark_opaque(c, n);
	return 0;
}

/* 1 when an entry of type @mode at @n, which has the tree's word so far, is seen. */
static int cover_node(struct cover *c, struct node *n, uint32_t mode)
{
	const bool own = n->device == c->layer;

	if (S_ISDIR(mode) && S_ISDIR(n->mode)) {
		const bool seen = own || n->implied;

		n->implied = false;
		return seen;
	}
	if (S_ISDIR(n->mode) && !own) {
		/* A folder above takes the place of this file, which hid what is below it. */
		mark_opaque(c, n);
		return 0;
	}
	n->whiteout = false;
	n->mode = mode;
	return 1;
}

/* A hard link is to a file of its own layer, not to what another has at that path. */
static int check_link(const struct cover *c, const struct tar_entry *e, struct firn_error *err)
{
	const struct node *n = e->hardlink ? tree_find(c->tree, e->target) : NULL;
	char quoted[PATH_QUOTE_MAX], target[PATH_QUOTE_MAX];

	if (!e->hardlink || (n && n->device == c->layer))
		return 0;
	return firn_fail(err, FIRN_EUNSUPP,
			 "entry %s: is a hard link to %s, which its layer doesn't have or a layer "
			 "above replaces",
			 path_quote(e->path, quoted), path_quote(e->target, target));
}

static int take_seen(struct cover *c, const struct tar_entry *e, struct firn_error *err)
{
	struct node *n = tree_find(c->tree, e->path);
	int rc;

	if (n && hides(c, n, true))
		return 0;
	rc = check_link(c, e, err);
	if (rc < 0)
		return rc;
	if (n && S_ISDIR(e->mode))
		replace_whiteout(c, n);
	if (n)
		return cover_node(c, n, e->mode);
	rc = make_node(c, e->path, &n, err);
	if (rc < 0)
		return rc;
	n->mode = e->mode;
	return 1;
}

int cover_take(struct cover *c, const struct tar_entry *e, struct firn_error *err)
{
	_free_ char *hidden = NULL;
	int kind = whiteout_parse(e->path, &hidden, err);

	if (kind < 0)
		return kind;
	if (!reaches(c, hidden ? hidden : e->path))
		return 0;
	if (kind > 0)
		return take_whiteout(c, hidden, kind, err);
	return *e->path ? take_seen(c, e, err) : c->layer == 1;
}
