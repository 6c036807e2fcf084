/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/delta.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/layer.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <stdio.h>
#include <string.h>

void delta_done(struct delta *d)
{
	layer_out_done(&d->out);
	d->made = tree_free(d->made);
	free(d->whiteout);
	d->whiteout = NULL;
}

int delta_open(struct delta *d, const struct layer_dest *to, struct base *base, struct notes *notes,
	       layer_out_watch *watch, void *ctx, struct firn_error *err)
{
	_cleanup_(delta_done) struct delta new = { .base = base, .notes = notes };
	int rc;

	if ((rc = tree_new(&new.made, err)) < 0 ||
	    (rc = layer_out_open(&new.out, to, watch, ctx, err)) < 0)
		return rc;
	*d = new;
	new = (struct delta){ 0 };
	return 0;
}

static int add_folder(struct delta *d, const char *path, const struct node *like,
		      struct firn_error *err)
{
	struct layer_entry e = { .path = path, .mode = S_IFDIR | 0755 };

	if (like) {
		e.mode = like->mode;
		e.uid = like->uid;
		e.gid = like->gid;
		e.mtime = like->mtime;
		e.mtime_ns = like->mtime_ns;
		e.xattrs = like->xattrs;
	}
	return layer_out_add(&d->out, &e, NULL, err);
}

/* What is to be said of the folder @path that the base doesn't have; told once without a base. */
static int note_unknown(struct delta *d, const char *path, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (d->base)
		return notes_loss(d->notes, err,
				  "folder %s is neither in the base nor in the archive: its owner, "
				  "mode and times are unknown",
				  path_quote(path, quoted));
	if (d->guessed)
		return 0;
	d->guessed = true;
	return notes_loss(
	    d->notes, err,
	    "without the base image the owner, mode and times of folder %s and others "
	    "above changed files are unknown: root and 0755 are taken",
	    path_quote(path, quoted));
}

static int make_folder(struct delta *d, const char *path, struct firn_error *err)
{
	const struct node *like = NULL;
	struct node *made;
	int rc = d->base ? base_folder(d->base, path, &like, err) : 0;

	if (rc < 0)
		return rc;
	if (!like && !*path)
		return 0;
	if (!like && (rc = note_unknown(d, path, err)) < 0)
		return rc;
	rc = tree_make(d->made, path, &made, err);
	if (rc < 0)
		return rc;
	made->mode = S_IFDIR;
	made->implied = false;
	return add_folder(d, path, like, err);
}

/*
 * The root comes first and once: as the diff has it, or as the base has it, or as the layer makes
 * it when nobody knows.
 */
static int make_root(struct delta *d, struct firn_error *err)
{
	if (!layer_empty(d->out.layer) || !layer_out_find(&d->out, "")->implied)
		return 0;
	return make_folder(d, "", err);
}

static int make_parents(struct delta *d, const char *path, struct firn_error *err)
{
	char above[PATH_MEMBER_MAX + 1];
	const char *missing;
	int rc = make_root(d, err);

	tree_reach(layer_tree(d->out.layer), path, &missing);
	for (const char *slash = strchr(missing, '/'); rc >= 0 && slash;
	     slash = strchr(slash + 1, '/')) {
		memcpy(above, path, (size_t)(slash - path));
		above[slash - path] = '\0';
		rc = make_folder(d, above, err);
	}
	return rc;
}

static int mark_opaque(struct delta *d, const char *path, struct firn_error *err)
{
	const struct node *n = layer_out_find(&d->out, path);
	char child[PATH_MEMBER_MAX + 3];
	int rc = 0;

	if (n && n->opaque)
		return 0;
	if (!n || n->implied) { /* a folder has to be described before it gets a mark */
		snprintf(child, sizeof(child), "%s%s-", path, *path ? "/" : "");
		rc = make_parents(d, child, err);
	}
	return rc < 0 ? rc : layer_out_opaque(&d->out, path, err);
}

/* What the layer itself has at @path is never hidden, but it hides what is below it. */
static int add_whiteout(struct delta *d, const char *path, struct firn_error *err)
{
	const struct layer_entry e = { .path = path, .whiteout = true };
	const struct node *n = layer_out_find(&d->out, path);
	int rc;

	if (n && S_ISDIR(n->mode))
		return mark_opaque(d, path, err);
	if (n && !n->whiteout)
		return 0;
	rc = make_parents(d, path, err);
	return rc < 0 ? rc : layer_out_add(&d->out, &e, NULL, err);
}

/* A deletion of the diff's own: containerd's diffs are layers already. */
static int convert_whiteout(struct delta *d, const char *hidden, int kind, bool literal,
			    struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (literal)
		return firn_fail(err, FIRN_ECORRUPT,
				 "a file called \".wh.\" and the name of %s: no layer can hold it",
				 path_quote(hidden, quoted));
	if (!d->whiteout) {
		d->whiteout = strdup(hidden);
		if (!d->whiteout)
			return firn_fail_oom(err, "name");
	}
	return kind == WHITEOUT_ALL ? mark_opaque(d, hidden, err) : add_whiteout(d, hidden, err);
}

static int check_entry(struct delta *d, const struct tar_entry *e, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX], target[PATH_QUOTE_MAX];

	if (e->hardlink && !layer_out_find(&d->out, e->target))
		return firn_fail(err, FIRN_ECORRUPT,
				 "entry %s: is a hard link to %s, which isn't in the archive",
				 path_quote(e->path, quoted), path_quote(e->target, target));
	if (S_ISCHR(e->mode) && e->major == 0 && e->minor == 0)
		return firn_fail(err, FIRN_ECORRUPT,
				 "entry %s: a 0:0 device means a deletion to overlayfs",
				 path_quote(e->path, quoted));
	if (layer_out_find(&d->out, e->path) && *e->path)
		return firn_fail(err, FIRN_ECORRUPT,
				 "entry %s: comes twice, or after what is below it",
				 path_quote(e->path, quoted));
	return 0;
}

static int convert_entry(struct delta *d, const struct tar_entry *e, struct istream *payload,
			 bool literal, struct firn_error *err)
{
	_free_ char *hidden = NULL;
	const struct layer_entry entry = {
		.path = e->path,
		.target = e->target,
		.hardlink = e->hardlink,
		.mode = e->mode,
		.uid = e->uid,
		.gid = e->gid,
		.major = e->major,
		.minor = e->minor,
		.size = e->size,
		.mtime = e->mtime,
		.mtime_ns = e->mtime_ns,
		.xattrs = e->xattrs,
	};
	int rc = whiteout_parse(e->path, &hidden, err);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return convert_whiteout(d, hidden, rc, literal, err);
	if ((rc = check_entry(d, e, err)) < 0 ||
	    (*e->path && (rc = make_parents(d, e->path, err)) < 0))
		return rc;
	return layer_out_add(&d->out, &entry, payload, err);
}

int delta_convert(struct delta *d, struct istream *in, bool literal, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e = NULL;
	int rc = tar_open_stream(in, NULL, &tar, err);

	if (rc < 0)
		return rc;
	while ((rc = tar_next(tar, &e, err)) > 0) {
		_cleanup_(istream_closep) struct istream *payload = NULL;

		rc = e->size ? tar_payload(tar, &payload, err) : 0;
		if (rc >= 0)
			rc = convert_entry(d, e, payload, literal, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Whether the layers below can have something at @path at all. */
static int base_may_have(struct delta *d, const char *path, struct firn_error *err)
{
	const size_t above = (size_t)(path_basename(path) - path);
	const struct node *folder = NULL;
	_free_ char *parent = NULL;
	int rc;

	if (!d->base)
		return 1;
	parent = strndup(path, above ? above - 1 : 0);
	if (!parent)
		return firn_fail_oom(err, "name");
	rc = base_folder(d->base, parent, &folder, err);
	return rc < 0 ? rc : folder != NULL;
}

static int hide(struct delta *d, const char *path, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = base_may_have(d, path, err);

	if (rc < 0)
		return rc;
	if (!rc) {
		notes_warn(d->notes, "deleted.files names %s, which the base image can't have",
			   path_quote(path, quoted));
		return 0;
	}
	if (deleted_is_lossy(path)) {
		rc = notes_loss(d->notes, err,
				"the engine replaced bytes in the name of the deleted %s: if the "
				"base has the file under its real name, it is back",
				path_quote(path, quoted));
		if (rc < 0)
			return rc;
	}
	return add_whiteout(d, path, err);
}

/* The folder was removed and made again. */
static int make_again(struct delta *d, const char *path, struct firn_error *err)
{
	const struct node *made = tree_find(d->made, path);
	char quoted[PATH_QUOTE_MAX];
	int rc = 0;

	path_quote(path, quoted);
	notes_warn(d->notes,
		   "folder %s was removed and made again; what it holds now is kept, though the "
		   "engine's own restore would lose it",
		   quoted);
	if (made && !made->implied)
		rc = notes_loss(d->notes, err,
				"the owner, mode and times of folder %s, which was made again, are "
				"not in the archive",
				quoted);
	return rc < 0 ? rc : mark_opaque(d, path, err);
}

int delta_delete(struct delta *d, const struct deleted *deleted, struct firn_error *err)
{
	for (size_t i = 0; i < deleted->count; i++) {
		const char *path = deleted->paths[i];
		int rc = 0;

		switch (deleted_effect(path, layer_tree(d->out.layer))) {
		case DELETED_NOTHING:
			break;
		case DELETED_WHITEOUT:
			rc = hide(d, path, err);
			break;
		case DELETED_OPAQUE:
			rc = make_again(d, path, err);
			break;
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}
