/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/plain.h"

#include "base/fd.h"
#include "base/path.h"

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

int plain_check(const struct tree *t, struct firn_error *err)
{
	for (struct node *n = t->root; n; n = walk_next(t, n))
		if (!S_ISDIR(n->mode) && !S_ISREG(n->mode))
			return refuse(n, err);
	return 0;
}

void plain_own(struct tree *t)
{
	for (struct node *n = t->root; n; n = walk_next(t, n)) {
		n->mode = S_ISDIR(n->mode) ? S_IFDIR | 0700 : S_IFREG | 0600;
		n->uid = n->gid = 0;
		xattrs_freep(&n->xattrs);
	}
}
