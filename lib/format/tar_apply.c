/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/path.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <string.h>

static int fail_path(const char *path, enum firn_code code, const char *why, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, code, "entry %s: %s", path_quote(path, quoted), why);
}

/*
 * Hidden is what the layers below have under a name: if this layer has files under it, then in a
 * folder that begins empty.
 */
static void make_folder_of(struct node *whiteout)
{
	whiteout->whiteout = false;
	whiteout->mode = S_IFDIR | 0755;
	whiteout->implied = true;
	whiteout->opaque = true;
}

static void revive_parents(const struct tree *tree, const char *path)
{
	struct node *n = tree->root;

	for (const char *slash = strchr(path, '/'); n && slash; slash = strchr(path, '/')) {
		char name[PATH_NAME_MAX + 1];

		memcpy(name, path, (size_t)(slash - path));
		name[slash - path] = '\0';
		n = tree_child(tree, n, name);
		if (n && n->whiteout)
			make_folder_of(n);
		path = slash + 1;
	}
}

/* What a hard link stands for: never a link itself. */
static int find_target(const struct tree *tree, const struct tar_entry *e, struct node **ret,
		       struct firn_error *err)
{
	struct node *n = tree_find(tree, e->target);

	if (!n || n->whiteout)
		return fail_path(e->path, FIRN_ECORRUPT, "is a hard link to what isn't there", err);
	if (S_ISDIR(n->mode))
		return fail_path(e->path, FIRN_ECORRUPT, "is a hard link to a folder", err);
	*ret = n->link ? n->link : n;
	return 0;
}

static int copy_xattrs(struct tree *t, struct node *n, const struct xattr *from,
		       struct firn_error *err)
{
	xattrs_freep(&n->xattrs);
	for (; from; from = from->next) {
		int rc = tree_set_xattr(t, n, from->name, from->value, from->len, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int describe(struct tree *tree, struct node *n, const struct tar_entry *e,
		    struct firn_error *err)
{
	int rc = copy_xattrs(tree, n, e->xattrs, err);

	n->mode = e->mode;
	n->uid = e->uid;
	n->gid = e->gid;
	n->major = e->major;
	n->minor = e->minor;
	n->mtime = e->mtime;
	n->mtime_ns = e->mtime_ns;
	n->implied = n->whiteout = false;
	if (rc == 0 && e->target)
		rc = tree_set_target(tree, n, e->target, err);
	return rc;
}

/* A name that the tree has already: the node to fill in, or why there can't be one. */
static int replace(struct tree *tree, const struct tar_entry *e, enum tar_whiteouts how,
		   struct node **n, struct firn_error *err)
{
	const bool foreign = how == TAR_WHITEOUTS_FOREIGN;
	struct node *old = *n;
	int rc;

	if (old->whiteout) {
		old->opaque = S_ISDIR(e->mode);
		return 0;
	}
	if (S_ISDIR(e->mode) && S_ISDIR(old->mode) && (old->implied || foreign))
		return 0;
	if (!foreign)
		return fail_path(e->path, FIRN_ECORRUPT,
				 old->implied ? "has files in it but is no folder"
					      : "is in the archive twice",
				 err);
	if (old == tree->root)
		return fail_path(e->path, FIRN_ECORRUPT, "the root is no folder", err);
	/* Not filled in anew: hard links to the old one go on with its content. */
	tree_remove(tree, old);
	rc = tree_make(tree, e->path, n, err);
	return rc < 0 ? rc : 0;
}

static int apply_link(struct tree *tree, const struct tar_entry *e, enum tar_whiteouts how,
		      struct node **ret, struct firn_error *err)
{
	struct node *n = NULL, *target = NULL;
	int rc = find_target(tree, e, &target, err);

	if (rc == 0)
		rc = tree_make(tree, e->path, &n, err);
	if (rc < 0)
		return rc;
	if (rc == 0 && !(n == target && how == TAR_WHITEOUTS_FOREIGN)) {
		rc = replace(tree, e, how, &n, err);
		if (rc < 0)
			return rc;
	}
	if (n != target) {
		n->mode = target->mode;
		n->link = target;
		n->whiteout = false;
	}
	*ret = n;
	return 0;
}

static int apply_entry(struct tree *tree, const struct tar_entry *e, enum tar_whiteouts how,
		       struct node **ret, struct firn_error *err)
{
	struct node *n;
	int rc = tree_make(tree, e->path, &n, err);

	if (rc == 0)
		rc = replace(tree, e, how, &n, err);
	if (rc >= 0)
		rc = describe(tree, n, e, err);
	if (rc < 0)
		return rc;
	*ret = n;
	return 0;
}

/* The layer's own entry of that name counts more, whichever comes first. */
static int apply_whiteout(struct tree *tree, const char *path, struct node **ret,
			  struct firn_error *err)
{
	struct node *n;
	int rc = tree_make(tree, path, &n, err);

	if (rc > 0) {
		n->mode = S_IFCHR;
		n->whiteout = true;
		*ret = n;
	} else if (rc == 0 && S_ISDIR(n->mode)) {
		n->opaque = true;
	}
	return rc < 0 ? rc : 0;
}

static int apply_opaque(struct tree *tree, const char *folder, struct firn_error *err)
{
	struct node *n;
	int rc = tree_make(tree, folder, &n, err);

	if (rc < 0)
		return rc;
	if (rc > 0 || n->whiteout)
		make_folder_of(n);
	else if (!S_ISDIR(n->mode))
		return fail_path(folder, FIRN_ECORRUPT, "is opaque but no folder", err);
	n->opaque = true;
	return 0;
}

/* Only the name of a whiteout means anything. */
static int apply_mark(struct tree *tree, const struct tar_entry *e, enum whiteout what,
		      const char *path, struct node **ret, struct firn_error *err)
{
	if (S_ISDIR(e->mode))
		return fail_path(e->path, FIRN_ECORRUPT, "is a whiteout and a folder", err);
	if (e->size)
		return fail_path(e->path, FIRN_ECORRUPT, "is a whiteout with content", err);
	revive_parents(tree, path);
	if (what == WHITEOUT_ALL)
		return apply_opaque(tree, path, err);
	return apply_whiteout(tree, path, ret, err);
}

int tar_apply(struct tree *tree, const struct tar_entry *e, enum tar_whiteouts how, uint16_t device,
	      uint64_t offset, struct node **ret, struct firn_error *err)
{
	_free_ char *hidden = NULL;
	struct node *n = NULL;
	int rc = WHITEOUT_NONE;

	if (how != TAR_WHITEOUTS_LITERAL)
		rc = whiteout_parse(e->path, &hidden, err);
	if (rc > WHITEOUT_NONE) {
		rc = apply_mark(tree, e, (enum whiteout)rc, hidden, &n, err);
	} else if (rc == WHITEOUT_NONE) {
		revive_parents(tree, e->path);
		rc = e->hardlink ? apply_link(tree, e, how, &n, err)
				 : apply_entry(tree, e, how, &n, err);
		if (rc == 0 && S_ISREG(e->mode) && !e->hardlink) {
			n->size = e->size;
			n->offset = e->size ? offset : 0;
			n->device = e->size ? device : 0;
		}
	}
	if (rc < 0)
		return rc;
	if (ret)
		*ret = n;
	return 0;
}

int tar_scan(struct source *src, enum tar_whiteouts how, uint16_t device, uint64_t base,
	     struct tree **ret, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_cleanup_(tar_closep) struct tar *t = NULL;
	const struct tar_entry *e;
	int rc = tar_open_plain(src, NULL, &t, err);

	if (rc == 0)
		rc = tree_new(&tree, err);
	while (rc == 0 && (rc = tar_next(t, &e, err)) > 0)
		rc = tar_apply(tree, e, how, device, base + e->offset, NULL, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&tree);
	return 0;
}
