/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images of a checkpoint that was read: R and C. */
#include "ingest/ingest.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "ingest/rootfs.h"

#include <stdio.h>
#include <string.h>

#define CHECKPOINT_LAYERS_MAX 64

/* What has to be said where an engine of today would restore without the changes. */
static void warn_of_engine(struct ingest *g)
{
	const struct engine *e = g->facts.engine;

	if (!g->config || !g->has_delta || (g->image_id[0] && e->edits[0]))
		return;
	if (!g->base)
		notes_warn(
		    &g->notes,
		    "without the base image %s can't restore from this image with its "
		    "changes, only firn can: its config.dump still names the unchanged image",
		    e->name);
	else
		notes_warn(
		    &g->notes,
		    "%s pulls what config.dump names, so it will restore without the changes "
		    "until that is a reference to the rootfs image",
		    e->name);
}

/*
 * config.dump names R, so that engines take the delta as a layer of the image; the annotations
 * give the original back.
 */
static int edit_config(struct ingest *g, json_t *annotations, struct buf *ret,
		       struct firn_error *err)
{
	struct config_edit edits[ARRAY_SIZE(g->facts.engine->edits)];
	_buf_ struct buf undo = BUF_INIT;
	char text[DIGEST_TEXT_MAX];
	struct digest was;
	size_t n = 0;
	int rc;

	for (; n < ARRAY_SIZE(edits) && g->facts.engine->edits[n]; n++)
		edits[n] = (struct config_edit){ g->facts.engine->edits[n], g->image_id };
	if ((rc = config_dump_edit(g->config, g->config_len, edits, n, ret, &undo, err)) < 0 ||
	    (rc = digest_of(g->config, g->config_len, &was, err)) < 0 ||
	    (rc = json_put_str(annotations, ORG_FIRN_CONFIG_UNDO, (char *)undo.data, err)) < 0)
		return rc;
	return json_put_str(annotations, ORG_FIRN_CONFIG_DIGEST, digest_text(&was, text), err);
}

/* The last of the metadata, because it may have to name R. */
static int write_config(struct ingest *g, json_t *annotations, struct firn_error *err)
{
	_buf_ struct buf edited = BUF_INIT;
	int rc;

	if (!g->config)
		return 0;
	if (!g->image_id[0] || !g->facts.engine->edits[0])
		return plain_add_text(&g->metadata, CHECKPOINT_CONFIG, g->config_mtime,
				      g->config_mtime_ns, g->config, g->config_len, err);
	rc = edit_config(g, annotations, &edited, err);
	if (rc < 0)
		return firn_wrap(err, rc, CHECKPOINT_CONFIG);
	return plain_add_text(&g->metadata, CHECKPOINT_CONFIG, g->config_mtime, g->config_mtime_ns,
			      edited.data, edited.len, err);
}

static int annotate_losses(const struct notes *n, json_t *to, struct firn_error *err)
{
	_json_ json_t *list = json_array();
	_buf_ struct buf text = BUF_INIT;
	int rc;

	if (!n->nlosses)
		return 0;
	for (size_t i = 0; list && i < n->nlosses; i++)
		if (json_array_append_new(list, json_string(n->losses[i])) < 0)
			return firn_fail_oom(err, "losses");
	if (!list)
		return firn_fail_oom(err, "losses");
	rc = json_print(list, &text, err);
	return rc < 0 ? rc : json_put_str(to, ORG_FIRN_LOSS, (char *)text.data, err);
}

int ingest_annotate(const struct ingest *g, json_t *to, struct firn_error *err)
{
	const char *id = g->facts.engine->edits[0] && g->image_id[0] ? g->image_id : NULL;

	return engine_annotate(&g->facts, id, to, err);
}

static int checkpoint_annotations(struct ingest *g, json_t **ret, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	_json_ json_t *a = NULL;
	int rc;

	if ((rc = document_annotations(ORG_FIRN_ROLE_CHECKPOINT, g->facts.container, &a, err)) <
		0 ||
	    (rc = ingest_annotate(g, a, err)) < 0 ||
	    (rc = annotate_losses(&g->notes, a, err)) < 0 || (rc = write_config(g, a, err)) < 0)
		return rc;
	if (g->source.alg) {
		rc = json_put_str(a, ORG_FIRN_SOURCE_DIGEST, digest_text(&g->source, text), err);
		if (rc < 0)
			return rc;
	}
	*ret = take_ptr(&a);
	return 0;
}

/* The layers of C, the lowest first. */
struct checkpoint_layers {
	struct oci_descriptor descs[CHECKPOINT_LAYERS_MAX];
	struct document_layer layers[CHECKPOINT_LAYERS_MAX];
	size_t n;
};

static int add_layer(struct ingest *g, struct checkpoint_layers *l, struct layer_out *out,
		     const char *role, struct firn_error *err)
{
	int rc = document_finish_layer(out, g->blobs, role, &l->descs[l->n], &l->layers[l->n], err);

	if (rc >= 0)
		l->n++;
	return rc;
}

static int add_compat(struct ingest *g, struct checkpoint_layers *l, struct firn_error *err)
{
	int rc = compat_finish(&g->compat, err);

	return rc <= 0 ? rc : add_layer(g, l, &g->compat.files.out, ORG_FIRN_LAYER_COMPAT, err);
}

static int finish_layers(struct ingest *g, struct checkpoint_layers *l, struct firn_error *err)
{
	int rc = 0;

	/* Bare images without a log have no metadata. */
	if (!layer_empty(g->metadata.out.layer))
		rc = add_layer(g, l, &g->metadata.out, ORG_FIRN_LAYER_METADATA, err);
	if (rc >= 0)
		rc = add_layer(g, l, &g->images.out, ORG_FIRN_LAYER_IMAGES, err);
	return rc < 0 || !g->archive_delta ? rc : add_compat(g, l, err);
}

static int make_checkpoint(struct ingest *g, struct firn_error *err)
{
	const struct oci_descriptor *subject = g->rootfs.digest.alg ? &g->rootfs : NULL;
	struct checkpoint_layers l = { .n = 0 };
	struct document_config config = { .architecture = g->arch, .created = g->created };
	struct oci_descriptor config_desc;
	_json_ json_t *a = NULL, *doc = NULL, *manifest = NULL;
	int rc;

	if ((rc = checkpoint_annotations(g, &a, err)) < 0 || (rc = finish_layers(g, &l, err)) < 0)
		return rc;
	config.layers = l.layers;
	config.nlayers = l.n;
	if ((rc = document_config(&config, &doc, err)) < 0 ||
	    (rc = document_put(g->store, g->blobs, doc, OCI_CONFIG, &config_desc, err)) < 0 ||
	    (rc = document_manifest(&config_desc, l.layers, l.n, subject, take_ptr(&a), &manifest,
				    err)) < 0)
		return rc;
	return document_put(g->store, g->blobs, manifest, OCI_MANIFEST, &g->checkpoint, err);
}

int ingest_images(struct ingest *g, struct firn_error *err)
{
	int rc = rootfs_finish_delta(g, err);

	if (rc >= 0 && rootfs_wanted(g))
		rc = rootfs_make(g, err);
	if (rc < 0)
		return firn_wrap(err, rc, "rootfs image");
	g->bytes = g->metadata.out.payload + g->images.out.payload + g->delta.out.payload +
		   g->changeset.size + g->compat.files.out.payload;
	warn_of_engine(g);
	return firn_wrap(err, make_checkpoint(g, err), "checkpoint image");
}
