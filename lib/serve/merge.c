/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serve/served.h"

#include "base/buf.h"
#include "base/fd.h"

#include <string.h>

/* A layer on its way into the tree. */
struct merging {
	struct served *s;
	struct node *at; /* the folder that the layer's root becomes */
	struct tree *layer;
	uint16_t part;
	struct buf path; /* of the node that is looked at, in the tree */
	size_t top;      /* bytes of it that are @at's */
};

/*
 * Where in the tree a node of the layer went. The fields that the EROFS writer has for itself are
 * free in a tree that is not printed.
 */
static void set_counterpart(struct node *n, struct node *to)
{
	n->pos = (uint64_t)(uintptr_t)to;
}

static struct node *counterpart(const struct node *n)
{
	return (struct node *)(uintptr_t)n->pos;
}

/* The layer's own marks, and what overlayfs takes for one. */
static bool hides(const struct node *n)
{
	return n->whiteout || (S_ISCHR(n->mode) && n->major == 0 && n->minor == 0);
}

static int copy_attributes(struct merging *m, struct node *from, struct node *to,
			   struct firn_error *err)
{
	to->mode = from->mode;
	to->uid = from->uid;
	to->gid = from->gid;
	to->mtime = from->mtime;
	to->mtime_ns = from->mtime_ns;
	to->size = from->size;
	to->offset = from->offset;
	to->device = from->size && S_ISREG(from->mode) ? m->part : 0;
	to->major = from->major;
	to->minor = from->minor;
	to->nlink = from->nlink;
	to->implied = from->implied;
	xattrs_freep(&to->xattrs);
	to->xattrs = take_ptr(&from->xattrs);
	return from->target ? tree_set_target(m->s->tree, to, from->target, err) : 0;
}

/* The path of @n, which is no root, below the folder that the layer goes to. */
static int print_path(struct merging *m, const struct node *n, struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = tree_path(n, &path, err);

	if (rc < 0)
		return rc;
	m->path.len = m->top;
	buf_printf(&m->path, "%s%s", m->top ? "/" : "", path);
	return buf_check(&m->path, err);
}

static void remove_children(struct tree *t, struct node *dir)
{
	while (dir->children)
		tree_remove(t, dir->children);
}

/* Its place in the tree, made or made free; NULL in *ret for a name that only hides. */
static int make_place(struct merging *m, const struct node *n, struct node **ret,
		      struct firn_error *err)
{
	struct tree *t = m->s->tree;
	struct node *there = tree_child(t, counterpart(n->parent), n->name);
	const bool merges = there && S_ISDIR(there->mode) && S_ISDIR(n->mode);
	int rc;

	*ret = NULL;
	if (there && merges && n->opaque)
		remove_children(t, there);
	else if (there && !merges)
		tree_remove(t, there);
	if (hides(n))
		return 0;
	if (merges) {
		*ret = there;
		return 0;
	}
	rc = print_path(m, n, err);
	if (rc == 0)
		rc = tree_make(t, (const char *)m->path.data, ret, err);
	return rc < 0 ? rc : 0;
}

static int merge_node(struct merging *m, struct node *n, struct firn_error *err)
{
	struct node *to;
	int rc = make_place(m, n, &to, err);

	if (rc < 0 || !to)
		return rc;
	set_counterpart(n, to);
	/* What it links to may come later. */
	return n->link ? 0 : copy_attributes(m, n, to, err);
}

/* A file that lost its own name to a later entry of its layer goes on under one of the others. */
static int merge_link(struct merging *m, struct node *n, struct firn_error *err)
{
	struct node *to = counterpart(n);

	if (!to)
		return 0;
	if (counterpart(n->link)) {
		to->link = counterpart(n->link);
		to->mode = to->link->mode;
		return 0;
	}
	set_counterpart(n->link, to);
	return copy_attributes(m, n->link, to, err);
}

/* How many names each file has in its layer, and no places yet. */
static void count_names(struct tree *layer)
{
	for (struct node *n = layer->root; n; n = tree_next(layer, n)) {
		n->nlink = served_content(n)->nlink = 0;
		n->pos = served_content(n)->pos = 0;
	}
	for (struct node *n = layer->root; n; n = tree_next(layer, n))
		served_content(n)->nlink++;
}

static int merge_all(struct merging *m, struct firn_error *err)
{
	struct tree *layer = m->layer;
	int rc = 0;

	/* A whiteout has nothing below it. */
	for (struct node *n = tree_next(layer, layer->root); rc == 0 && n; n = tree_next(layer, n))
		rc = merge_node(m, n, err);
	for (struct node *n = layer->root; rc == 0 && n; n = tree_next(layer, n))
		if (n->link)
			rc = merge_link(m, n, err);
	return rc;
}

static int open_top(struct merging *m, const char *at, struct firn_error *err)
{
	struct tree *t = m->s->tree;
	int rc = tree_make(t, at, &m->at, err);

	if (rc < 0)
		return rc;
	if (rc > 0) {
		m->at->mode = S_IFDIR | 0755;
		m->at->implied = true;
	}
	buf_puts(&m->path, at);
	m->top = m->path.len;
	return buf_check(&m->path, err);
}

int served_merge(struct served *s, const char *at, struct tree *layer, uint16_t part,
		 unsigned flags, struct firn_error *err)
{
	struct merging m = { .s = s, .layer = layer, .part = part, .path = BUF_INIT };
	int rc = open_top(&m, at, err);

	if (rc == 0) {
		count_names(layer);
		set_counterpart(layer->root, m.at);
		if (layer->root->opaque)
			remove_children(s->tree, m.at);
		if (!layer->root->implied || !(flags & SERVED_ROOT_IMPLIED))
			rc = copy_attributes(&m, layer->root, m.at, err);
	}
	if (rc == 0)
		rc = merge_all(&m, err);
	buf_done(&m.path);
	return rc;
}
