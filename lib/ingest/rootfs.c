/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* R: the base's layers and the delta on top, an ordinary image of the container's filesystem. */
#include "ingest/rootfs.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/codec.h"
#include "ingest/documents.h"
#include "ingest/upper.h"

#include <stdio.h>
#include <string.h>

/* Podman asks for volumes/NAME.tar of each named volume. */
static int check_volumes(struct ingest *g, struct firn_error *err)
{
	const struct config_dump *c = &g->facts.config;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < json_array_size(c->volumes); i++) {
		const char *name = config_dump_volume(c, i);
		char path[PATH_MEMBER_MAX + 1], quoted[PATH_QUOTE_MAX];

		if (!name)
			continue;
		snprintf(path, sizeof(path), "volumes/%s.tar", name);
		if (!layer_out_find(&g->metadata.out, path))
			rc = notes_loss(&g->notes, err,
					"the content of volume %s is not in the "
					"archive",
					path_quote(name, quoted));
	}
	return rc;
}

/* What this engine's archives never have is lost whether anything shows or not. */
static int note_losses(struct ingest *g, struct firn_error *err)
{
	const struct engine *e = g->facts.engine;
	int rc = 0;

	if (!g->facts.spec)
		return 0;
	if (g->from_upper)
		rc = 0; /* an upper directory has all of them */
	else if (!g->has_diff && !g->has_deleted)
		rc = notes_loss(&g->notes, err,
				"the archive holds no changes of the root filesystem: there were "
				"none, or it was made without them");
	else
		for (size_t i = 0; rc >= 0 && i < ARRAY_SIZE(e->losses) && e->losses[i]; i++)
			rc = notes_loss(&g->notes, err, "%s", e->losses[i]);
	return rc < 0 ? rc : check_volumes(g, err);
}

int rootfs_finish_delta(struct ingest *g, struct firn_error *err)
{
	int rc = 0;

	if (g->from_upper)
		rc = firn_wrap(err, delta_from_upper(&g->delta, g->upper, err), "upper directory");
	else if (g->has_deleted && g->facts.engine->deletions)
		rc = firn_wrap(err, delta_delete(&g->delta, &g->deleted, err), "deleted.files");
	if (rc >= 0)
		rc = note_losses(g, err);
	g->has_delta = g->changeset.blob ? !g->changeset.empty : !layer_empty(g->delta.out.layer);
	return rc < 0 ? rc : notes_finish(&g->notes, err);
}

static const char *const layer_types[] = {
	[CODEC_NONE] = OCI_LAYER,
	[CODEC_GZIP] = OCI_LAYER_GZIP,
	[CODEC_ZSTD] = OCI_LAYER_ZSTD,
};

/* Docker's types say the same of the same bytes, but have no place in an OCI manifest. */
static int oci_type(const struct oci_descriptor *d, struct oci_descriptor *ret,
		    struct firn_error *err)
{
	int codec, rc;

	*ret = *d;
	if (strncmp(d->media_type, "application/vnd.docker.", 23) != 0)
		return 0;
	rc = oci_layer_codec(d->media_type, &codec, err);
	if (rc < 0)
		return rc;
	snprintf(ret->media_type, sizeof(ret->media_type), "%s", layer_types[codec]);
	ret->json = NULL;
	return 0;
}

/* The base's blobs come along, once for all containers; each is proven on its way. */
static int fetch(struct ingest *g, const struct oci_descriptor *d, struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	int rc;

	if (blobs_have(g->blobs, &d->digest))
		return 0;
	rc = store_fetch(g->store, layout_store(g->base->layout), &d->digest, d->size, &w, err);

	if (rc < 0)
		return firn_wrap(err, rc, "base image");
	return blobs_take(g->blobs, &w, err);
}

struct rootfs {
	struct oci_descriptor *descs; /* of all layers; their json is the base's */
	struct document_layer *layers;
	size_t nlayers;
	bool delta; /* the last one is the delta */
};

static void rootfs_done(struct rootfs *r)
{
	free(r->descs);
	free(r->layers);
}

static int add_base_layers(struct ingest *g, struct rootfs *r, struct firn_error *err)
{
	const struct image *img = &g->base->image;

	for (; r->nlayers < img->manifest.nlayers; r->nlayers++) {
		const size_t i = r->nlayers;
		int rc;

		if ((rc = oci_type(&img->manifest.layers[i], &r->descs[i], err)) < 0 ||
		    (rc = fetch(g, &img->manifest.layers[i], err)) < 0)
			return rc;
		r->layers[i] = (struct document_layer){
			.desc = &r->descs[i],
			.diff_id = img->config.diff_ids[i],
			.role = ORG_FIRN_LAYER_BASE,
			.mountable = image_layer_mountable(img, i),
		};
	}
	return 0;
}

/* The engine's own layer, byte for byte. */
static int take_changeset(struct ingest *g, struct oci_descriptor *ret_desc,
			  struct document_layer *ret, struct firn_error *err)
{
	const struct changeset *c = &g->changeset;

	*ret_desc = (struct oci_descriptor){ .digest = c->digest, .size = c->size };
	snprintf(ret_desc->media_type, sizeof(ret_desc->media_type), "%s", layer_types[c->codec]);
	*ret = (struct document_layer){
		.desc = ret_desc,
		.diff_id = c->diff_id,
		.role = ORG_FIRN_LAYER_DELTA,
	};
	return blobs_take(g->blobs, &g->changeset.blob, err);
}

/* With a base an empty delta would say nothing; without one R has no other layer. */
static int find_layers(struct ingest *g, struct rootfs *r, struct firn_error *err)
{
	const size_t below = g->base ? g->base->image.manifest.nlayers : 0;
	int rc;

	r->descs = calloc(below + 1, sizeof(*r->descs));
	r->layers = calloc(below + 1, sizeof(*r->layers));
	if (!r->descs || !r->layers)
		return firn_fail_oom(err, "layers");
	if (g->base && (rc = add_base_layers(g, r, err)) < 0)
		return rc;
	r->delta = !below || g->has_delta;
	if (!r->delta)
		return 0;
	r->nlayers++;
	if (g->changeset.blob)
		return take_changeset(g, &r->descs[below], &r->layers[below], err);
	return document_finish_layer(&g->delta.out, g->blobs, ORG_FIRN_LAYER_DELTA,
				     &r->descs[below], &r->layers[below], err);
}

static int make_config(struct ingest *g, const struct rootfs *r, struct oci_descriptor *ret,
		       struct firn_error *err)
{
	const struct document_config own = {
		.architecture = g->arch,
		.created = g->created,
		.layers = r->layers,
		.nlayers = r->nlayers,
	};
	_json_ json_t *doc = NULL;
	int rc;

	if (g->base && !r->delta) {
		*ret = g->base->image.manifest.config;
		ret->json = NULL;
		snprintf(ret->media_type, sizeof(ret->media_type), "%s", OCI_CONFIG);
		return fetch(g, ret, err);
	}
	if (g->base)
		rc = document_config_on(&g->base->image.config, &r->layers[r->nlayers - 1],
					g->created, &doc, err);
	else
		rc = document_config(&own, &doc, err);
	return rc < 0 ? rc : document_put(g->store, g->blobs, doc, OCI_CONFIG, ret, err);
}

static int annotations(struct ingest *g, json_t **ret, struct firn_error *err)
{
	char digest[DIGEST_TEXT_MAX];
	_json_ json_t *a = NULL;
	int rc = document_annotations(ORG_FIRN_ROLE_ROOTFS, g->facts.container, &a, err);

	if (rc >= 0 && facts_image_name(&g->facts))
		rc = json_put_str(a, OCI_BASE_NAME, facts_image_name(&g->facts), err);
	if (rc >= 0 && g->base)
		rc = json_put_str(a, OCI_BASE_DIGEST,
				  digest_text(&g->base->image.desc.digest, digest), err);
	if (rc >= 0 && !g->base)
		rc = json_put_str(a, ORG_FIRN_BASE, ORG_FIRN_BASE_EXTERNAL, err);
	if (rc >= 0)
		*ret = take_ptr(&a);
	return rc;
}

bool rootfs_wanted(const struct ingest *g)
{
	return g->base || g->facts.spec || g->has_diff || g->has_deleted || g->from_upper;
}

int rootfs_make(struct ingest *g, struct firn_error *err)
{
	_cleanup_(rootfs_done) struct rootfs r = { .nlayers = 0 };
	_json_ json_t *doc = NULL, *notes = NULL;
	struct oci_descriptor config;
	int rc;

	if ((rc = find_layers(g, &r, err)) < 0 || (rc = make_config(g, &r, &config, err)) < 0 ||
	    (rc = annotations(g, &notes, err)) < 0 ||
	    (rc = document_manifest(&config, r.layers, r.nlayers, NULL, take_ptr(&notes), &doc,
				    err)) < 0)
		return rc;
	digest_hex(&config.digest, g->names.id);
	g->rootfs_zstd = document_in_zstd(r.layers, r.nlayers);
	return document_put(g->store, g->blobs, doc, OCI_MANIFEST, &g->rootfs, err);
}
