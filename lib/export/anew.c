/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An archive made anew: members in the engine's order, with its modes, in its tar. */
#include "export/ways.h"

#include "base/fd.h"
#include "base/path.h"
#include "export/walk.h"
#include "format/checkpoint.h"

#include <stdio.h>
#include <string.h>

struct anew {
	struct archive *a;
	struct delta_out delta;
	struct tarout tar;
	int64_t mtime; /* of what is made here: the dump's */
};

static void anew_done(struct anew *n)
{
	delta_out_done(&n->delta);
	tarout_done(&n->tar);
}

static int put_file(struct anew *n, const struct node *f, const char *path, const struct ustar *m,
		    struct firn_error *err)
{
	const struct archive *a = n->a;
	const bool config = strcmp(path, CHECKPOINT_CONFIG) == 0;
	struct ustar own = *m;
	int rc;

	own.size = config ? a->config.len : f->size;
	rc = tarout_member(&n->tar, &own, err);
	if (rc == 0 && config)
		rc = tarout_bytes(&n->tar, a->config.data, a->config.len, err);
	else if (rc == 0 && f->size)
		rc = tarout_copy(&n->tar, files_layer(&a->files, f), f->offset, f->size, path, err);
	return rc < 0 ? rc : tarout_pad(&n->tar, err);
}

static int put_node(struct anew *n, const struct node *f, const char *path, struct firn_error *err)
{
	const struct node *first = walk_first(f);
	const bool folder = S_ISDIR(f->mode);
	_free_ char *link = NULL;
	char name[PATH_MEMBER_MAX + 2];
	struct ustar m = {
		.name = name,
		.type = first              ? USTAR_HARDLINK
			: folder           ? USTAR_DIR
			: S_ISLNK(f->mode) ? USTAR_SYMLINK
					   : USTAR_FILE,
		.mode = S_ISLNK(f->mode) ? 0777 : dialect_mode(n->a->dialect, path, folder),
		.mtime = first ? first->mtime : f->mtime,
	};
	int rc = first ? tree_path(first, &link, err) : 0;

	if (rc < 0 || (folder && !m.mode))
		return rc;
	m.link = first ? link : f->target;
	snprintf(name, sizeof(name), "%s%s", path, folder ? "/" : "");
	return m.type == USTAR_FILE ? put_file(n, f, path, &m, err)
				    : tarout_member(&n->tar, &m, err);
}

static int put_tree(struct anew *n, struct node *top, struct firn_error *err)
{
	_cleanup_(walk_done) struct walk w = { 0 };
	struct node *f;
	int rc = put_node(n, top, top->name, err);

	if (rc == 0 && S_ISDIR(top->mode))
		rc = walk_begin(&w, top, err);
	else
		return rc;
	while (rc >= 0 && (rc = walk_step(&w, &f, err)) > 0)
		rc = put_node(n, f, (char *)w.path.data, err);
	return rc;
}

/* What the compat layer has is the engine's own and goes before what would be made of the delta. */
static int put_diff(struct anew *n, struct firn_error *err)
{
	const struct node *own = files_find(n->a->files.compat, CHECKPOINT_ROOTFS);
	struct ustar m = {
		.name = CHECKPOINT_ROOTFS,
		.type = USTAR_FILE,
		.mode = dialect_mode(n->a->dialect, CHECKPOINT_ROOTFS, false),
		.size = n->delta.size,
		.mtime = own ? own->mtime : n->mtime,
	};
	int rc;

	if (own)
		return put_file(n, own, CHECKPOINT_ROOTFS, &m, err);
	if (!n->delta.size)
		return 0;
	rc = tarout_member(&n->tar, &m, err);
	if (rc < 0)
		return rc;
	n->tar.bytes += n->delta.size;
	if (n->tar.to)
		rc = delta_out_write(&n->delta, n->tar.to, err);
	return rc < 0 ? rc : tarout_pad(&n->tar, err);
}

static int put_deleted(struct anew *n, struct firn_error *err)
{
	const struct node *own = files_find(n->a->files.compat, CHECKPOINT_DELETIONS);
	struct ustar m = {
		.name = CHECKPOINT_DELETIONS,
		.type = USTAR_FILE,
		.mode = dialect_mode(n->a->dialect, CHECKPOINT_DELETIONS, false),
		.size = n->delta.deleted.len,
		.mtime = own ? own->mtime : n->mtime,
	};
	int rc;

	if (own)
		return put_file(n, own, CHECKPOINT_DELETIONS, &m, err);
	if (!n->delta.deleted.len)
		return 0;
	rc = tarout_member(&n->tar, &m, err);
	if (rc == 0)
		rc = tarout_bytes(&n->tar, n->delta.deleted.data, n->delta.deleted.len, err);
	return rc < 0 ? rc : tarout_pad(&n->tar, err);
}

static int put_name(struct anew *n, const char *name, struct firn_error *err)
{
	struct node *top;

	if (strcmp(name, CHECKPOINT_ROOTFS) == 0)
		return put_diff(n, err);
	if (strcmp(name, CHECKPOINT_DELETIONS) == 0)
		return put_deleted(n, err);
	top = tree_find(n->a->files.tree, name);
	return top ? put_tree(n, top, err) : 0;
}

static size_t rank(const char *const *order, const char *name)
{
	size_t i = 0;

	for (; order && order[i]; i++)
		if (strcmp(order[i], name) == 0)
			break;
	return i;
}

struct top {
	const char *name;
	size_t rank;
};

static int by_rank(const void *a, const void *b)
{
	const struct top *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* A chain's later predumps ("pre-checkpoint.2") have the rank of its first. */
static size_t rank_of(const struct dialect *d, const char *name)
{
	const unsigned dump = checkpoint_dump(name);

	return rank(d->order, dump && dump < CHECKPOINT_DUMPS_MAX ? CHECKPOINT_PREDUMP_DIR : name);
}

static int put_all(struct anew *n, struct firn_error *err)
{
	const struct node *root = n->a->files.tree->root;
	_free_ struct top *tops = calloc((size_t)root->nchildren + 2, sizeof(*tops));
	size_t count = 0;
	int rc = 0;

	if (!tops)
		return firn_fail_oom(err, "archive");
	for (const struct node *c = root->children; c; c = c->next)
		if (strcmp(c->name, CHECKPOINT_ROOTFS) != 0 &&
		    strcmp(c->name, CHECKPOINT_DELETIONS) != 0)
			tops[count++].name = c->name;
	tops[count++].name = CHECKPOINT_ROOTFS;
	tops[count++].name = CHECKPOINT_DELETIONS;
	for (size_t i = 0; i < count; i++)
		tops[i].rank = rank_of(n->a->dialect, tops[i].name);
	qsort(tops, count, sizeof(*tops), by_rank);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = put_name(n, tops[i].name, err);
	return rc < 0 ? rc : tarout_end(&n->tar, err);
}

static int write_all(struct anew *n, struct sink *out, struct firn_error *err)
{
	int rc = put_all(n, err); /* only counts: tar.to isn't set yet */

	if (rc < 0)
		return rc;
	n->a->work->total = n->tar.bytes;
	n->tar.bytes = 0;
	n->tar.to = out;
	return put_all(n, err);
}

int ways_layers(struct archive *a, struct sink *out, struct export_told *told,
		struct firn_error *err)
{
	_cleanup_(anew_done) struct anew n = { .a = a, .tar = { .work = a->work } };
	_cleanup_(sink_closep) struct sink *packer = NULL;
	const struct node *inventory =
	    files_find(a->files.tree, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY);
	int rc;

	if (!inventory)
		return firn_fail(err, FIRN_ECORRUPT, "no checkpoint: %s/%s is missing",
				 CHECKPOINT_IMAGES_DIR, CHECKPOINT_INVENTORY);
	n.mtime = inventory->mtime;
	rc = ways_codec(a, CODEC_NONE, &told->codec, err);
	if (rc == 0 && !a->files.compat->root->nchildren)
		rc = delta_out_open(a->store, a->ci, a->dialect->delta, a->work, &n.delta, err);
	if (rc < 0 || (rc = codec_writer(told->codec, out, &packer, err)) < 0 ||
	    (rc = write_all(&n, packer, err)) < 0 || (rc = sink_finish(packer, err)) < 0)
		return rc;
	told->way = "layers";
	return delta_out_prove(&n.delta, err);
}
