/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Content as one tree that firn shows itself: the same layers in the same order, merged here. */
#include "node/content_priv.h"

#include "base/buf.h"
#include "base/fd.h"
#include "format/annotations.h"
#include "format/checkpoint.h"
#include "view/archive.h"

#include <string.h>

/* Content on its way into the tree. */
struct serving {
	struct content_source *s;
	const struct view *v;
	struct served *to;
	const char *data_at, *rootfs_at;
};

static int print_path(const char *folder, const char *path, struct buf *ret, struct firn_error *err)
{
	buf_printf(ret, "%s%s%s", folder, *folder ? "/" : "", path);
	return buf_check(ret, err);
}

int content_served_read(const struct content *c, const char *path, size_t max, char **ret,
			size_t *ret_len, struct firn_error *err)
{
	_buf_ struct buf whole = BUF_INIT;
	int rc = print_path(c->data_at, path, &whole, err);

	return rc < 0
		   ? rc
		   : served_read_file(c->served, (const char *)whole.data, max, ret, ret_len, err);
}

int content_served_has(const struct content *c, const char *path, struct firn_error *err)
{
	_buf_ struct buf whole = BUF_INIT;
	int rc = print_path(c->data_at, path, &whole, err);

	return rc < 0 ? rc : served_find_file(c->served, (const char *)whole.data) != NULL;
}

/* The layer @t, whose source is taken, on top of what is in @at. */
static int put_layer(struct serving *sv, const char *at, struct tree *tree, struct view_tree *t,
		     unsigned flags, struct firn_error *err)
{
	uint16_t part = 0;
	int rc = served_add_part(sv->to, take_ptr(&t->src), t->fd, t->serial ? SERVED_SERIAL : 0,
				 &part, err);

	return rc < 0 ? rc : served_merge(sv->to, at, tree, part, flags, err);
}

/*
 * CRIU's images come from one layer alone: no other adds files to their folder, and two that have
 * some are a mistake.
 */
static int settle_images(struct serving *sv, struct tree *layer, struct firn_error *err)
{
	for (struct node *n = layer->root->children, *next; n; n = next) {
		_buf_ struct buf path = BUF_INIT;
		struct node *there;
		bool here;
		int rc;

		next = n->next;
		if (!checkpoint_dump(n->name))
			continue;
		rc = print_path(sv->data_at, n->name, &path, err);
		if (rc < 0)
			return rc;
		there = tree_find(sv->to->tree, (const char *)path.data);
		if (!there)
			continue;
		here = tree_child(layer, n, CHECKPOINT_INVENTORY) != NULL;
		if (here && tree_child(sv->to->tree, there, CHECKPOINT_INVENTORY))
			return firn_fail(err, FIRN_ECORRUPT, "two layers have CRIU images (%s/%s)",
					 n->name, CHECKPOINT_INVENTORY);
		if (here)
			tree_remove(sv->to->tree, there);
		else if (tree_child(sv->to->tree, there, CHECKPOINT_INVENTORY))
			tree_remove(layer, n);
	}
	return 0;
}

static int put_image_layer(struct serving *sv, struct store *store, const struct image *image,
			   size_t i, enum view_use use, struct firn_error *err)
{
	_cleanup_(view_tree_done) struct view_tree t = VIEW_TREE_NONE;
	int rc = view_layer_tree(sv->v, store, &image->manifest.layers[i],
				 &image->config.diff_ids[i], use, &t, err);

	if (rc == 0 && use == VIEW_DATA)
		rc = settle_images(sv, t.tree, err);
	return rc < 0 ? rc
		      : put_layer(sv, use == VIEW_DATA ? sv->data_at : sv->rootfs_at, t.tree, &t,
				  SERVED_ROOT_IMPLIED, err);
}

static int put_image_data(struct serving *sv, struct firn_error *err)
{
	const struct image *image = &sv->s->image.checkpoint;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < image->manifest.nlayers; i++) {
		const char *role = image_layer_role(image, i);

		if (!role || strcmp(role, ORG_FIRN_LAYER_COMPAT) != 0)
			rc = put_image_layer(sv, sv->s->store, image, i, VIEW_DATA, err);
	}
	return firn_wrap(err, rc, "checkpoint image");
}

static int put_archive_data(struct serving *sv, struct firn_error *err)
{
	_cleanup_(view_tree_done) struct view_tree t = VIEW_TREE_NONE;
	struct tree *tree = NULL;
	int rc = archive_data_tree(sv->s->archive, sv->v, &tree, &t, err);

	return rc < 0 ? rc : put_layer(sv, sv->data_at, tree, &t, SERVED_ROOT_IMPLIED, err);
}

/* A folder for the rootfs, whatever the data has there. */
static int begin_rootfs(struct serving *sv, struct firn_error *err)
{
	int rc = served_folder(sv->to, sv->rootfs_at, 0755, err);

	if (rc == 0)
		tree_find(sv->to->tree, sv->rootfs_at)->implied = true;
	return rc;
}

static int put_base(struct serving *sv, struct firn_error *err)
{
	const struct base *base = sv->s->base;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < base->image.manifest.nlayers; i++)
		rc = put_image_layer(sv, base->store, &base->image, i, VIEW_ROOTFS, err);
	return firn_wrap(err, rc, "base %s", content_given_base(sv->s));
}

static int put_image_rootfs(struct serving *sv, struct firn_error *err)
{
	const struct image *image = &sv->s->image.rootfs;
	const struct firn_report *report = sv->s->opts->report;
	int rc;

	if (!image->desc.digest.alg)
		return 0;
	rc = begin_rootfs(sv, err);
	if (rc >= 0 && sv->s->image.external_base) {
		rc = content_need_base(sv->s, err);
		if (rc >= 0)
			rc = put_base(sv, err);
	} else if (content_given_base(sv->s) && report && report->warn) {
		report->warn("the image has its base inside: the one given is not used",
			     report->ctx);
	}
	for (size_t i = 0; rc >= 0 && i < image->manifest.nlayers; i++)
		rc = put_image_layer(sv, sv->s->store, image, i, VIEW_ROOTFS, err);
	return firn_wrap(err, rc, "rootfs image");
}

/* The delta as a build would make it, over the base that is in the tree by now. */
static int put_delta(struct serving *sv, struct firn_error *err)
{
	const enum archive_dialect dialect =
	    sv->s->facts.engine->changeset ? ARCHIVE_CHANGESET : ARCHIVE_LITERAL;
	const struct archive_base base = { .dirfd = -1,
					   .tree = sv->to->tree,
					   .folder = sv->rootfs_at };
	_cleanup_(view_tree_done) struct view_tree t = VIEW_TREE_NONE;
	int rc = archive_delta_tree(sv->s->archive, sv->v, dialect, &base, &t, err);

	return rc <= 0 ? rc : put_layer(sv, sv->rootfs_at, t.tree, &t, 0, err);
}

static int put_archive_rootfs(struct serving *sv, struct firn_error *err)
{
	int rc;

	/* Without config.dump it is a process that ran in its host's filesystem. */
	if (!sv->s->facts.config.json && !content_given_base(sv->s))
		return 0;
	if ((rc = content_need_base(sv->s, err)) < 0 || (rc = begin_rootfs(sv, err)) < 0 ||
	    (rc = put_base(sv, err)) < 0)
		return rc;
	return put_delta(sv, err);
}

int content_serve(struct content_source *s, const struct view *v, struct served *to,
		  const char *data_at, const char *rootfs_at, struct content *ret,
		  struct firn_error *err)
{
	_cleanup_(content_done) struct content c = { .served = to,
						     .data_at = data_at,
						     .rootfs_at = rootfs_at };
	struct serving sv = { s, v, to, data_at, rootfs_at };
	int rc = s->store ? put_image_data(&sv, err) : put_archive_data(&sv, err);

	if (rc < 0 || (rc = content_learn(s, &c, err)) < 0)
		return rc;
	rc = s->store ? put_image_rootfs(&sv, err) : put_archive_rootfs(&sv, err);
	if (rc < 0)
		return rc;
	*ret = c;
	c = (struct content){ 0 };
	return 0;
}
