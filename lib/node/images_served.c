/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/images.h"

#include "base/buf.h"
#include "base/fd.h"

#include <stdio.h>

struct image_nodes {
	struct criu_images images;
	const struct served *served;
	const struct node *folder;
};

static int open_node(struct criu_images *images, const char *name, struct source **ret,
		     struct firn_error *err)
{
	const struct image_nodes *i = (const struct image_nodes *)images;
	struct node *n = tree_child(i->served->tree, i->folder, name);
	int rc;

	n = n ? served_content(n) : NULL;
	if (!n || !S_ISREG(n->mode))
		return 0;
	rc = served_open_file(i->served, n, ret, err);
	return rc < 0 ? rc : 1;
}

/* The folder of the dump @name, or NULL. */
static const struct node *find_dump(const struct content *c, const char *name)
{
	const struct node *top = tree_find(c->served->tree, c->data_at);
	const struct node *n = top ? tree_child(c->served->tree, top, name) : NULL;

	return n && S_ISDIR(n->mode) ? n : NULL;
}

/* The dump before @name whose folder is @dump: 1, or 0 when it builds on none. */
static int parent_of(const struct content *c, const struct node *dump, const char *name,
		     char ret[CHECKPOINT_DUMP_NAME_MAX], struct firn_error *err)
{
	const struct node *link = tree_child(c->served->tree, dump, CHECKPOINT_PARENT);
	char path[CHECKPOINT_DUMP_NAME_MAX + sizeof(CHECKPOINT_PARENT)];
	unsigned parent;

	if (!link)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", name, CHECKPOINT_PARENT);
	parent = link->target ? checkpoint_parent(path, link->target) : 0;
	if (!parent)
		return firn_fail(err, FIRN_ECORRUPT, "%s leads to no dump before it", path);
	checkpoint_dump_name(parent, ret);
	return 1;
}

/* Numbers go down on the way, so this ends. */
static int check_chain(const struct content *c, const struct node *dump, struct firn_error *err)
{
	char name[CHECKPOINT_DUMP_NAME_MAX], next[CHECKPOINT_DUMP_NAME_MAX];
	int rc;

	checkpoint_dump_name(CHECKPOINT_DUMPS_MAX, name);
	while ((rc = parent_of(c, dump, name, next, err)) > 0) {
		dump = find_dump(c, next);
		if (!dump)
			return firn_fail(err, FIRN_ENOTFOUND,
					 "%s builds on the dump %s, which isn't here: an image of "
					 "both is needed (firn build --previous)",
					 name, next);
		snprintf(name, sizeof(name), "%s", next);
	}
	return rc;
}

int images_inspect_served(const struct content *c, struct criu_info *ret, struct firn_error *err)
{
	const struct node *dump = find_dump(c, CHECKPOINT_IMAGES_DIR);
	struct image_nodes i = { .images.open = open_node, .served = c->served, .folder = dump };
	int rc;

	if (!dump || !tree_child(c->served->tree, dump, CHECKPOINT_INVENTORY))
		return firn_fail(err, FIRN_ECORRUPT, "no layer has CRIU images (%s/%s)",
				 CHECKPOINT_IMAGES_DIR, CHECKPOINT_INVENTORY);
	rc = check_chain(c, dump, err);
	if (rc == 0)
		rc = criu_inspect(&i.images, ret, err);
	return firn_wrap(err, rc, "CRIU images");
}
