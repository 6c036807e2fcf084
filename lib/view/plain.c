/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/plain.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"

static int refuse(const struct node *n, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	_free_ char *path = NULL;
	int rc = tree_path(n, &path, err);

	if (rc < 0)
		return rc;
	return firn_fail(err, FIRN_ECORRUPT, "entry %s: is neither a file nor a folder",
			 path_quote(path, quoted));
}

struct node *walk_next(const struct tree *t, struct node *n)
{
	if (n->children)
		return n->children;
	while (n != t->root && !n->next)
		n = n->parent;
	return n == t->root ? NULL : n->next;
}

/* The link from a dump to the one before it, and no other; a hard link to one has no target. */
static int check_link(const struct node *n, struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = tree_path(n, &path, err);

	if (rc < 0)
		return rc;
	return n->target && checkpoint_parent(path, n->target) ? 0 : refuse(n, err);
}

int plain_check(const struct tree *t, struct firn_error *err)
{
	int rc = 0;

	for (struct node *n = t->root; rc == 0 && n; n = walk_next(t, n)) {
		if (S_ISLNK(n->mode))
			rc = check_link(n, err);
		else if (!S_ISDIR(n->mode) && !S_ISREG(n->mode))
			rc = refuse(n, err);
	}
	return rc;
}

void plain_own(struct tree *t)
{
	for (struct node *n = t->root; n; n = walk_next(t, n)) {
		if (!S_ISLNK(n->mode))
			n->mode = S_ISDIR(n->mode) ? S_IFDIR | 0700 : S_IFREG | 0600;
		n->uid = n->gid = 0;
		xattrs_freep(&n->xattrs);
	}
}
