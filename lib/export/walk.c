/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/walk.h"

#include "base/fd.h"

#include <string.h>

struct walk_level {
	struct node **list;
	size_t at, n;
	size_t path; /* bytes of the folder's path, its slash included */
};

void walk_done(struct walk *w)
{
	while (w->depth)
		free(w->levels[--w->depth].list);
	free(w->levels);
	buf_done(&w->path);
	*w = (struct walk){ 0 };
}

static int descend(struct walk *w, struct node *dir, struct firn_error *err)
{
	struct walk_level *l;
	int rc;

	if (w->depth == w->room) {
		size_t room = w->room ? 2 * w->room : 16;

		l = realloc(w->levels, room * sizeof(*l));
		if (!l)
			return firn_fail_oom(err, "walk");
		w->levels = l;
		w->room = room;
	}
	l = &w->levels[w->depth];
	*l = (struct walk_level){ .n = dir->nchildren, .path = w->path.len };
	rc = tree_sorted(dir, &l->list, err);
	if (rc < 0)
		return rc;
	w->depth++;
	return 0;
}

int walk_begin(struct walk *w, struct node *top, struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = tree_path(top, &path, err);

	if (rc < 0)
		return rc;
	*w = (struct walk){ 0 };
	buf_puts(&w->path, path);
	if (*path)
		buf_puts(&w->path, "/");
	rc = buf_check(&w->path, err);
	if (rc == 0)
		rc = descend(w, top, err);
	if (rc < 0)
		walk_done(w);
	return rc;
}

int walk_step(struct walk *w, struct node **ret, struct firn_error *err)
{
	struct walk_level *l;
	int rc;

	if (w->last && S_ISDIR(w->last->mode) && w->last->nchildren) {
		buf_puts(&w->path, "/");
		rc = buf_check(&w->path, err);
		if (rc < 0 || (rc = descend(w, w->last, err)) < 0)
			return rc;
	}
	w->last = NULL;
	while (w->depth) {
		l = &w->levels[w->depth - 1];
		if (l->at < l->n) {
			w->path.len = l->path;
			w->last = *ret = l->list[l->at++];
			buf_puts(&w->path, w->last->name);
			rc = buf_check(&w->path, err);
			return rc < 0 ? rc : 1;
		}
		free(l->list);
		w->depth--;
	}
	return 0;
}

const struct node *walk_first(const struct node *n)
{
	const struct node *content = n->link;

	while (content && content->link)
		content = content->link;
	return content;
}

/* @content becomes a link to @n, so that chains of links are two steps long at most. */
static void take_over(struct node *n, struct node *content)
{
	struct xattr *own = n->xattrs;

	n->target = content->target; /* the tree's own, as all names */
	n->major = content->major;
	n->minor = content->minor;
	n->size = content->size;
	n->offset = content->offset;
	n->device = content->device;
	n->mode = content->mode;
	n->uid = content->uid;
	n->gid = content->gid;
	n->mtime = content->mtime;
	n->mtime_ns = content->mtime_ns;
	n->xattrs = content->xattrs;
	content->xattrs = own;
	n->link = NULL;
	content->link = n;
}

/* nid, which only the EROFS writer uses otherwise, marks what was met. */
int walk_links(struct tree *t, struct firn_error *err)
{
	_cleanup_(walk_done) struct walk w = { 0 };
	struct node *n;
	int rc = walk_begin(&w, t->root, err);

	while (rc >= 0 && (rc = walk_step(&w, &n, err)) > 0) {
		struct node *content = n->link;

		while (content && content->link)
			content = content->link;
		if (content && content->nid)
			continue;
		if (content)
			take_over(n, content);
		n->nid = 1;
	}
	return rc;
}
