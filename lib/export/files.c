/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/files.h"

#include "base/fd.h"
#include "base/path.h"
#include "export/walk.h"
#include "format/checkpoint.h"
#include "format/config_dump.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <string.h>

void files_done(struct files *f)
{
	for (size_t i = 0; i < f->nlayers; i++)
		blob_in_close(f->layers[i]);
	free(f->layers);
	tree_free(f->tree);
	tree_free(f->compat);
	*f = (struct files){ 0 };
}

static int check_entry(const struct tar_entry *e, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = whiteout_parse(e->path, NULL, err);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return firn_fail(err, FIRN_ECORRUPT, "entry %s: would delete something",
				 path_quote(e->path, quoted));
	if (!S_ISREG(e->mode) && !S_ISDIR(e->mode) &&
	    !(S_ISLNK(e->mode) && checkpoint_parent(e->path, e->target)))
		return firn_fail(err, FIRN_ECORRUPT,
				 "entry %s: a checkpoint has files and folders only",
				 path_quote(e->path, quoted));
	return 0;
}

static int add_entry(struct tree *t, const struct tar_entry *e, uint16_t layer,
		     struct firn_error *err)
{
	const struct node *was = tree_find(t, e->path);
	int rc = check_entry(e, err);

	/* Every layer has its own root; so may folders come again. */
	if (rc < 0 || (was && S_ISDIR(was->mode) && !was->implied && S_ISDIR(e->mode)))
		return rc;
	if (!*e->path)
		return 0;
	return tar_apply(t, e, TAR_WHITEOUTS_LITERAL, layer, e->offset, NULL, err);
}

static int read_layer(struct blob_in *b, struct tree *t, uint16_t layer, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e = NULL;
	int rc = tar_open_source(blob_in_source(b), NULL, &tar, err);

	if (rc < 0)
		return rc;
	if (tar_compressed(tar))
		return firn_fail(err, FIRN_ECORRUPT, "is compressed, and its media type isn't");
	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = add_entry(t, e, layer, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int add_layer(struct files *f, struct store *s, const struct image *c, size_t i,
		     struct work *w, struct firn_error *err)
{
	const char *role = image_layer_role(c, i);
	const bool compat = role && strcmp(role, ORG_FIRN_LAYER_COMPAT) == 0;
	char text[DIGEST_TEXT_MAX];
	int rc = blob_in_layer(s, &c->manifest.layers[i], &c->config.diff_ids[i], w,
			       &f->layers[f->nlayers], err);

	if (rc < 0)
		return rc;
	f->nlayers++;
	rc = read_layer(f->layers[i], compat ? f->compat : f->tree, (uint16_t)f->nlayers, err);
	return firn_wrap(err, rc, "layer %s", digest_text(&c->manifest.layers[i].digest, text));
}

int files_open(struct store *s, const struct image *c, struct work *w, struct files *ret,
	       struct firn_error *err)
{
	_cleanup_(files_done) struct files f = { 0 };
	int rc;

	if ((rc = tree_new(&f.tree, err)) < 0 || (rc = tree_new(&f.compat, err)) < 0)
		return rc;
	f.layers = calloc(c->manifest.nlayers + 1, sizeof(*f.layers));
	if (!f.layers)
		return firn_fail_oom(err, "layers");
	for (size_t i = 0; i < c->manifest.nlayers; i++) {
		rc = add_layer(&f, s, c, i, w, err);
		if (rc < 0)
			return rc;
	}
	rc = walk_links(f.tree, err);
	if (rc < 0)
		return rc;
	*ret = f;
	f = (struct files){ 0 };
	return 0;
}

const struct node *files_find(const struct tree *t, const char *path)
{
	const struct node *n = tree_find(t, path), *first = n ? walk_first(n) : NULL;

	if (first)
		n = first;
	return n && S_ISREG(n->mode) ? n : NULL;
}

struct blob_in *files_layer(const struct files *f, const struct node *n)
{
	return f->layers[n->device - 1];
}

int files_text(const struct files *f, const struct node *n, size_t max, char **ret,
	       struct firn_error *err)
{
	int rc = 0;

	if (n->size == 0) { /* lies in no layer */
		*ret = calloc(1, 1);
		return *ret ? 0 : firn_fail_oom(err, "text");
	}
	if (n->size > max)
		rc = firn_fail(err, FIRN_ELIMIT, "has %llu bytes, more than %zu",
			       (unsigned long long)n->size, max);
	else
		rc = blob_in_text(files_layer(f, n), n->offset, (size_t)n->size, ret, err);
	return firn_wrap(err, rc, "%s", n->name);
}

static int prove_config(const struct buf *text, const char *want, struct firn_error *err)
{
	struct digest d, have;
	int rc = want ? digest_parse(&d, want, err)
		      : firn_fail(err, FIRN_ECORRUPT, "was changed, and %s is missing",
				  ORG_FIRN_CONFIG_DIGEST);

	if (rc == -FIRN_EINVAL || (rc == 0 && d.alg != DIGEST_SHA256))
		return firn_fail(err, FIRN_ECORRUPT, "%s isn't a sha256", ORG_FIRN_CONFIG_DIGEST);
	if (rc < 0 || (rc = digest_of(text->data, text->len, &have, err)) < 0)
		return rc;
	if (!digest_equal(&d, &have))
		return firn_fail(err, FIRN_ECORRUPT,
				 "what %s gives back isn't what %s says: the engine's own is lost",
				 ORG_FIRN_CONFIG_UNDO, ORG_FIRN_CONFIG_DIGEST);
	return 0;
}

int files_config(const struct files *f, const struct image *c, struct buf *ret,
		 struct firn_error *err)
{
	const struct node *n = files_find(f->tree, CHECKPOINT_CONFIG);
	const char *undo = oci_annotation(c->manifest.json, ORG_FIRN_CONFIG_UNDO);
	_free_ char *text = NULL;
	int rc;

	if (!n)
		return 0;
	rc = files_text(f, n, CONFIG_DUMP_MAX, &text, err);
	if (rc < 0)
		return rc;
	if (undo) {
		rc = config_dump_undo(text, (size_t)n->size, undo, ret, err);
		if (rc == 0)
			rc = prove_config(
			    ret, oci_annotation(c->manifest.json, ORG_FIRN_CONFIG_DIGEST), err);
	} else {
		buf_put(ret, text, (size_t)n->size);
		rc = buf_check(ret, err);
	}
	return rc < 0 ? firn_wrap(err, rc, CHECKPOINT_CONFIG) : 1;
}

int files_prove(const struct files *f, struct firn_error *err)
{
	for (size_t i = 0; i < f->nlayers; i++) {
		int rc = blob_in_prove(f->layers[i], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}
