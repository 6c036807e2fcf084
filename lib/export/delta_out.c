/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/delta_out.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/codec.h"
#include "export/deletions.h"
#include "export/walk.h"
#include "format/checkpoint.h"
#include "format/tar.h"
#include "format/whiteout.h"
#include "image/folders.h"

#include <stdio.h>
#include <string.h>

void delta_out_done(struct delta_out *d)
{
	blob_in_close(d->layer);
	tree_free(d->tree);
	tree_free(d->base);
	buf_done(&d->deleted);
	*d = (struct delta_out){ 0 };
}

ssize_t delta_out_layer(const struct checkpoint_image *ci)
{
	if (!ci->rootfs.desc.digest.alg)
		return -1;
	for (size_t i = ci->rootfs.manifest.nlayers; i-- > 0;) {
		const char *role = image_layer_role(&ci->rootfs, i);

		if (role && strcmp(role, ORG_FIRN_LAYER_DELTA) == 0)
			return (ssize_t)i;
	}
	return -1;
}

/* Below a folder that the delta has made again, all of the base has to be known. */
static bool keep_hidden(const char *path, void *ctx)
{
	const struct tree *delta = ctx;
	const char *rest;
	const struct node *n = tree_reach(delta, path, &rest);

	if (!*rest) /* not above it, but @path itself */
		n = n->parent;
	while (n != delta->root && !n->opaque)
		n = n->parent;
	return n->opaque;
}

/* The base is of use, not needed: who copies images may have left its layers behind. */
static int read_base(struct delta_out *d, struct store *s, const struct checkpoint_image *ci,
		     size_t nlayers, struct firn_error *err)
{
	int rc;

	if (ci->external_base || nlayers == 0)
		return 0;
	rc = image_folders(s, &ci->rootfs, nlayers, keep_hidden, d->tree, &d->base, err);
	if (rc != -FIRN_ENOTFOUND)
		return firn_wrap(err, rc, "base layers");
	work_warn(d->work, "the base image's layers aren't all here: %s",
		  err ? err->msg : "not found");
	return 0;
}

/* delta.c of the build makes folders like this when nobody knows better. */
static bool is_guessed(const struct node *n)
{
	return n->implied || ((n->mode & 07777) == 0755 && !n->uid && !n->gid && !n->mtime &&
			      !n->xattrs && n->nchildren);
}

static bool same_xattrs(const struct xattr *a, const struct xattr *b)
{
	for (; a && b; a = a->next, b = b->next)
		if (strcmp(a->name, b->name) != 0 || a->len != b->len ||
		    memcmp(a->value, b->value, a->len) != 0)
			return false;
	return !a && !b;
}

static bool same_folder(const struct node *a, const struct node *b)
{
	return (a->mode & 07777) == (b->mode & 07777) && a->uid == b->uid && a->gid == b->gid &&
	       a->mtime == b->mtime && same_xattrs(a->xattrs, b->xattrs);
}

/*
 * A folder that the base has too needs an entry if something of it changed. Any other may stand in
 * the place of a file, which only its own entry takes away.
 */
static bool is_folder_wanted(const struct delta_out *d, const struct node *n, const char *path)
{
	const struct node *below;

	if (!d->base)
		return !is_guessed(n);
	below = tree_find(d->base, path);
	return !below || !S_ISDIR(below->mode) || (!n->implied && !same_folder(n, below));
}

/* Whether the diff has to have an entry for @n. */
static bool is_wanted(const struct delta_out *d, const struct node *n, const char *path)
{
	if (d->dialect == DELTA_CHANGESET)
		return true;
	return S_ISDIR(n->mode) ? is_folder_wanted(d, n, path) : !n->whiteout;
}

static int put_mark(struct tarout *t, const char *path, const char *mark, struct firn_error *err)
{
	const size_t above = (size_t)(path_basename(path) - path);
	char name[PATH_MEMBER_MAX + sizeof(WHITEOUT_OPAQUE) + 2];
	const struct ustar m = { .name = name, .type = USTAR_FILE };

	if (mark)
		snprintf(name, sizeof(name), "%s/%s", path, mark);
	else
		snprintf(name, sizeof(name), "%.*s" WHITEOUT_PREFIX "%s", (int)above, path,
			 path + above);
	return tarout_member(t, &m, err);
}

static int put_node(struct delta_out *d, struct tarout *t, const struct node *n, const char *path,
		    struct firn_error *err)
{
	const struct node *first = walk_first(n), *has = first ? first : n;
	_free_ char *target = NULL;
	char name[PATH_MEMBER_MAX + 2];
	struct ustar m = {
		.name = name,
		.type = first ? USTAR_HARDLINK : ustar_type_of(n->mode),
		.mode = has->mode & 07777,
		.uid = has->uid,
		.gid = has->gid,
		.major = has->major,
		.minor = has->minor,
		.mtime = has->mtime, /* whole seconds, as all three engines */
		.xattrs = first ? NULL : has->xattrs,
	};
	int rc = first ? tree_path(first, &target, err) : 0;

	if (rc < 0)
		return rc;
	snprintf(name, sizeof(name), "%s%s", path, m.type == USTAR_DIR ? "/" : "");
	m.link = first ? target : m.type == USTAR_SYMLINK ? n->target : NULL;
	m.size = m.type == USTAR_FILE ? n->size : 0;
	rc = tarout_member(t, &m, err);
	if (rc < 0 || !m.size)
		return rc;
	rc = tarout_copy(t, d->layer, n->offset, n->size, path, err);
	return rc < 0 ? rc : tarout_pad(t, err);
}

static int put_entry(struct delta_out *d, struct tarout *t, const struct node *n, const char *path,
		     struct firn_error *err)
{
	int rc = 0;

	if (!is_wanted(d, n, path))
		return 0;
	if (n->whiteout)
		return put_mark(t, path, NULL, err);
	rc = put_node(d, t, n, path, err);
	if (rc == 0 && n->opaque && d->dialect == DELTA_CHANGESET)
		rc = put_mark(t, path, WHITEOUT_OPAQUE, err);
	return rc;
}

/* The whole tar; 0 bytes when it has no member. */
static int put_all(struct delta_out *d, struct tarout *t, struct firn_error *err)
{
	_cleanup_(walk_done) struct walk w = { 0 };
	char quoted[PATH_QUOTE_MAX];
	struct node *n;
	int rc = walk_begin(&w, d->tree->root, err);

	while (rc >= 0 && (rc = walk_step(&w, &n, err)) > 0) {
		const char *path = (char *)w.path.data;

		rc = put_entry(d, t, n, path, err);
		if (rc < 0)
			return firn_wrap(err, rc, "entry %s", path_quote(path, quoted));
	}
	return rc < 0 || !t->bytes ? rc : tarout_end(t, err);
}

/* Counts what goes through it; to nowhere when there is no sink behind. */
struct count {
	struct sink sink;
	struct sink *out;
	uint64_t bytes;
};

static int count_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	struct count *c = (struct count *)s;

	c->bytes += n;
	return c->out ? sink_write(c->out, bytes, n, err) : 0;
}

static void count_close(struct sink *s)
{
	(void)s;
}

static const struct sink_ops count_ops = { count_write, NULL, count_close };

/* A changeset is compressed twice, first to learn its size: no copy on the disk is needed. */
static int put_packed(struct delta_out *d, struct sink *to, struct work *w, struct firn_error *err)
{
	_cleanup_(sink_closep) struct sink *packer = NULL;
	_cleanup_(tarout_done) struct tarout t = { .work = w };
	int rc = codec_writer(CODEC_GZIP, to, &packer, err);

	t.to = packer;
	if (rc < 0 || (rc = put_all(d, &t, err)) < 0)
		return rc;
	return sink_finish(packer, err);
}

static int measure(struct delta_out *d, struct firn_error *err)
{
	_cleanup_(tarout_done) struct tarout t = { .work = d->work };
	struct count count = { { &count_ops }, NULL, 0 };
	struct work quiet = { 0 };
	int rc = put_all(d, &t, err);

	if (rc == 0 && t.bytes && d->dialect == DELTA_CHANGESET)
		rc = put_packed(d, &count.sink, &quiet, err);
	if (rc < 0)
		return rc;
	d->size = d->dialect == DELTA_CHANGESET ? count.bytes : t.bytes;
	return 0;
}

static int read_layer(struct delta_out *d, struct store *s, const struct image *r, size_t i,
		      struct firn_error *err)
{
	const struct oci_descriptor *desc = &r->manifest.layers[i];
	int codec, rc = oci_layer_codec(desc->media_type, &codec, err);

	if (rc < 0)
		return rc;
	if (d->dialect == DELTA_CHANGESET && codec == CODEC_GZIP) {
		d->verbatim = true;
		d->size = desc->size;
		return blob_in_open(s, desc, &d->layer, err);
	}
	if ((rc = blob_in_layer(s, desc, &r->config.diff_ids[i], d->work, &d->layer, err)) < 0 ||
	    (rc = tar_scan(blob_in_source(d->layer), TAR_WHITEOUTS_FOREIGN, 0, 0, &d->tree, err)) <
		0)
		return rc;
	return walk_links(d->tree, err);
}

int delta_out_open(struct store *s, const struct checkpoint_image *ci, enum delta_dialect dialect,
		   struct work *w, struct delta_out *ret, struct firn_error *err)
{
	_cleanup_(delta_out_done) struct delta_out d = { .dialect = dialect, .work = w };
	const ssize_t at = delta_out_layer(ci);
	int rc = at < 0 ? 0 : read_layer(&d, s, &ci->rootfs, (size_t)at, err);

	if (rc == 0 && d.tree && dialect == DELTA_PLAIN)
		rc = read_base(&d, s, ci, (size_t)at, err);
	if (rc == 0 && d.tree)
		rc = measure(&d, err);
	if (rc == 0 && d.tree && dialect == DELTA_PLAIN)
		rc = deletions_print(d.tree, d.base, w, &d.deleted, err);
	if (rc < 0)
		return firn_wrap(err, rc, "delta");
	*ret = d;
	d = (struct delta_out){ 0 };
	return 0;
}

int delta_out_write(struct delta_out *d, struct sink *to, struct firn_error *err)
{
	struct count count = { { &count_ops }, to, 0 };
	_cleanup_(tarout_done) struct tarout t = { .to = &count.sink, .work = d->work };
	int rc;

	if (d->verbatim)
		rc = blob_in_copy(d->layer, 0, d->size, &count.sink, d->work, "rootfs-diff.tar",
				  err);
	else if (d->dialect == DELTA_CHANGESET)
		rc = put_packed(d, &count.sink, d->work, err);
	else
		rc = put_all(d, &t, err);
	if (rc == 0 && count.bytes != d->size)
		return firn_fail(err, FIRN_EFAIL, "the delta changed while it was written");
	return rc;
}

int delta_out_prove(struct delta_out *d, struct firn_error *err)
{
	return d->layer ? blob_in_prove(d->layer, err) : 0;
}
