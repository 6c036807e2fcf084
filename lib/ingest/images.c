/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images of a checkpoint that was read: R and C. */
#include "ingest/ingest.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "ingest/kept.h"
#include "ingest/names.h"
#include "ingest/rootfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHECKPOINT_LAYERS_MAX 64

/* The last of the metadata, because it may have to name R. */
static int write_config(struct ingest *g, json_t *annotations, struct firn_error *err)
{
	_buf_ struct buf edited = BUF_INIT;
	int rc;

	if (!g->config)
		return 0;
	if (!g->named)
		return plain_add_text(&g->metadata, CHECKPOINT_CONFIG, g->config_mtime,
				      g->config_mtime_ns, g->config, g->config_len, err);
	rc = names_edit(g, annotations, &edited, err);
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
	return engine_annotate(&g->facts, g->named ? &g->names : NULL, to, err);
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
	if (g->facts.origin.compressed) {
		rc = json_put_str(a, ORG_FIRN_PAGES, ORG_FIRN_PAGES_LZ4, err);
		if (rc < 0)
			return rc;
	}
	if (g->zero_pages && !g->facts.origin.compressed) {
		snprintf(text, sizeof(text), "%" PRIu64, g->zero_pages);
		rc = json_put_str(a, ORG_FIRN_ZERO_PAGES, text, err);
		if (rc < 0)
			return rc;
	}
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
	for (size_t i = 1; rc >= 0 && i < CHECKPOINT_DUMPS_MAX; i++)
		if (g->chain.dumps[i].layer)
			rc = add_layer(g, l, &g->chain.dumps[i].layer->out, ORG_FIRN_LAYER_IMAGES,
				       err);
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
	g->checkpoint_zstd = document_in_zstd(l.layers, l.n);
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
		   chain_bytes(&g->chain) + g->changeset.size + g->compat.files.out.payload +
		   g->kept_layer.size;
	if ((rc = names_find(g, err)) < 0)
		return rc;
	rc = make_checkpoint(g, err);
	if (rc < 0)
		return firn_wrap(err, rc, "checkpoint image");
	return g->keep_source ? firn_wrap(err, kept_image(g, err), "source") : 0;
}
