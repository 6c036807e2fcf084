/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image: its manifest, its config, and what both say about the layers. */
#include "verify/trace.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/codec.h"

#include <stdlib.h>
#include <string.h>

static bool is_image_config(const char *media_type)
{
	return strcmp(media_type, OCI_CONFIG) == 0 || strcmp(media_type, DOCKER_CONFIG) == 0;
}

/* Layers whose content no registry may hand on (media-types.md): they are fetched by "urls". */
static bool is_elsewhere(const json_t *layer)
{
	return json_array_size(json_object_get(layer, "urls")) > 0;
}

/* config.md: every entry of the history that isn't "empty_layer" is of one layer. */
static void check_history(struct trace *w, const char *place, const json_t *doc, size_t ndiff_ids)
{
	const json_t *history = json_object_get(doc, "history"), *entry;
	size_t i, n = 0;

	if (!json_array_size(history))
		return;
	json_array_foreach (history, i, entry)
		n += !json_is_true(json_object_get(entry, "empty_layer"));
	if (n != ndiff_ids)
		findings_add(w->findings, FINDING_WARNING, place, "history-differs",
			     "\"history\" has %zu layers, \"diff_ids\" %zu", n, ndiff_ids);
}

/* What the referring index says of the platform is what images are chosen by. */
static void check_platform(struct trace *w, const char *place, const char *says, const char *is)
{
	char quoted[2][PATH_QUOTE_MAX];

	if (*says && strcmp(says, is) != 0)
		findings_add(w->findings, FINDING_WARNING, place, "platform-differs",
			     "the index says it is for %s, the config says %s",
			     path_quote(says, quoted[0]), path_quote(is, quoted[1]));
}

/*
 * 1 and the config, 0 when it can't be had (told). First it is looked at as any document, then as a
 * config: one tree in memory at a time.
 */
static int load_config(struct trace *w, const char *place, struct blob *blob,
		       struct oci_config *ret, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	_free_ char *text = NULL;
	struct firn_error e = { 0 };
	size_t len = 0;
	int rc = trace_document(w, blob, &doc, err);

	if (rc <= 0)
		return rc;
	json_decref(take_ptr(&doc));
	rc = trace_text(w, blob, &text, &len, err);
	if (rc <= 0)
		return rc;
	rc = oci_config_parse(text, len, ret, &e);
	rc = findings_take(w->findings, place, "bad-config", rc, &e, err);
	return rc != 0 ? (rc < 0 ? rc : 0) : 1;
}

/* Layer @i is to be what diff_id @i says: remembered here, looked at with the blob's content. */
static void note_diff_id(struct trace *w, const struct trace_image *image, size_t i)
{
	const struct digest *want = &image->diff_ids[i];
	struct blob *blob = image->blobs[i];
	char where[TRACE_PLACE_MAX], name[BLOB_NAME_MAX], text[2][DIGEST_TEXT_MAX];
	const char *config_place = blob_name(&image->config->digest, name);

	if (!blob || !(blob->flags & BLOB_LAYER))
		return;
	if (blob->flags & BLOB_DIFF_ID) {
		if (digest_equal(&blob->diff_id, want) || blob->diff_id.alg != want->alg)
			return;
		findings_add(w->findings, FINDING_FAULT,
			     trace_place(where, config_place, "diff_ids[%zu]", i),
			     "diff-id-differs",
			     "is %s where another image says %s of the same layer",
			     digest_text(want, text[0]), digest_text(&blob->diff_id, text[1]));
		return;
	}
	blob->flags |= BLOB_DIFF_ID;
	blob->diff_id = *want;
	blob->config = (uint32_t)(image->config - w->blobs->list);
	blob->layer = (uint32_t)i;
	if (blob->codec == CODEC_NONE && want->alg == blob->digest.alg &&
	    !digest_equal(want, &blob->digest))
		findings_add(w->findings, FINDING_FAULT,
			     trace_place(where, config_place, "diff_ids[%zu]", i),
			     "diff-id-differs", "is %s, the layer is %s and not compressed",
			     digest_text(want, text[0]), digest_text(&blob->digest, text[1]));
}

static int check_config(struct trace *w, struct trace_image *image, const struct trace_todo *todo,
			struct firn_error *err)
{
	_cleanup_(oci_config_done) struct oci_config config = { 0 };
	char name[BLOB_NAME_MAX];
	int rc =
	    load_config(w, blob_name(&image->config->digest, name), image->config, &config, err);

	if (rc <= 0)
		return rc;
	check_history(w, name, config.json, config.ndiff_ids);
	check_platform(w, image->place, todo->arch, config.architecture);
	check_platform(w, image->place, todo->os, config.os);
	image->ndiff_ids = config.ndiff_ids;
	image->diff_ids = take_ptr(&config.diff_ids);
	return 0;
}

static void check_diff_ids(struct trace *w, const struct trace_image *image)
{
	char name[BLOB_NAME_MAX];

	if (image->ndiff_ids != image->nlayers)
		findings_add(w->findings, FINDING_FAULT, blob_name(&image->config->digest, name),
			     "diff-ids-count", "has %zu diff_ids, the manifest %zu layers",
			     image->ndiff_ids, image->nlayers);
	for (size_t i = 0; image->ndiff_ids == image->nlayers && i < image->nlayers; i++)
		note_diff_id(w, image, i);
}

static void note_layer(struct trace *w, const char *place, const struct oci_descriptor *layer,
		       struct blob *blob)
{
	struct firn_error e = { 0 };
	int codec;

	if (oci_layer_codec(layer->media_type, &codec, &e) < 0) {
		findings_add(w->findings, FINDING_NOTE, place, "unknown-layer", "%s", e.msg);
		return;
	}
	blob->flags |= BLOB_LAYER;
	blob->codec = codec;
}

static int check_layers(struct trace *w, struct trace_image *image, const json_t *list,
			bool of_image, struct firn_error *err)
{
	char where[TRACE_PLACE_MAX];
	const json_t *layer;
	size_t i;

	image->layers = calloc(json_array_size(list) + 1, sizeof(*image->layers));
	image->blobs = calloc(json_array_size(list) + 1, sizeof(*image->blobs));
	if (!image->layers || !image->blobs)
		return firn_fail_oom(err, "layers");
	image->nlayers = json_array_size(list);
	json_array_foreach (list, i, layer) {
		const enum trace_absent absent = is_elsewhere(layer) ? ABSENT_FINE : ABSENT_FAULT;
		int rc = trace_blob(w, trace_place(where, image->place, "layers[%zu]", i), layer,
				    absent, &image->layers[i], &image->blobs[i], err);

		if (rc < 0)
			return rc;
		if (rc > 0 && of_image)
			note_layer(w, where, &image->layers[i], image->blobs[i]);
	}
	return 0;
}

static int check_subject(struct trace *w, const char *place, const json_t *doc,
			 struct firn_error *err)
{
	const json_t *subject = json_object_get(doc, "subject");
	/* manifest.md: it may be missing; firn's own is the container's filesystem. */
	const enum trace_absent absent =
	    oci_annotation(doc, ORG_FIRN_FORMAT) ? ABSENT_FAULT : ABSENT_WARNING;
	char where[TRACE_PLACE_MAX];

	if (!subject)
		return 0;
	return trace_descriptor(w, trace_place(where, place, "subject"), subject, absent, err);
}

static void trace_image_done(struct trace_image *image)
{
	for (size_t i = 0; i < image->nlayers; i++)
		oci_descriptor_done(&image->layers[i]);
	free(image->layers);
	free(image->blobs);
	free(image->diff_ids);
	json_decref(image->doc);
}

static int check_manifest(struct trace *w, struct trace_image *image, bool of_image,
			  struct firn_error *err)
{
	const json_t *layers = json_object_get(image->doc, "layers");
	int rc;

	if (!json_is_array(layers) || json_array_size(layers) > OCI_LAYERS_MAX) {
		findings_add(w->findings, FINDING_FAULT, image->place, "bad-manifest",
			     "has no list of at most %d \"layers\"", OCI_LAYERS_MAX);
		return 0;
	}
	if ((rc = check_layers(w, image, layers, of_image, err)) < 0 ||
	    (rc = check_subject(w, image->place, image->doc, err)) < 0)
		return rc;
	if (image->diff_ids)
		check_diff_ids(w, image);
	trace_annotations(w, image);
	return 0;
}

/* The config's place, and whether it is that of an image. */
static int find_config(struct trace *w, struct trace_image *image, bool *ret_of_image,
		       struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor config = { 0 };
	char where[TRACE_PLACE_MAX];
	int rc = trace_blob(w, trace_place(where, image->place, "config"),
			    json_object_get(image->doc, "config"), ABSENT_FAULT, &config,
			    &image->config, err);

	if (rc < 0)
		return rc;
	*ret_of_image = is_image_config(config.media_type);
	if (strcmp(config.media_type, OCI_EMPTY) == 0 &&
	    !json_object_get(image->doc, "artifactType"))
		findings_add(w->findings, FINDING_FAULT, image->place, "bad-manifest",
			     "has an empty config and no \"artifactType\"");
	return 0;
}

int trace_manifest(struct trace *w, const char *place, const struct trace_todo *todo, json_t *doc,
		   struct firn_error *err)
{
	_cleanup_(trace_image_done) struct trace_image image = { .place = place, .doc = doc };
	struct blob *blob = &w->blobs->list[todo->blob];
	bool of_image = false;
	int rc = find_config(w, &image, &of_image, err);

	if (rc < 0)
		return rc;
	if (image.config && of_image) {
		/* One document in memory at a time: hostile ones have many small values. */
		json_decref(image.doc);
		image.doc = NULL;
		if ((rc = check_config(w, &image, todo, err)) < 0 ||
		    (rc = trace_document(w, blob, &image.doc, err)) <= 0)
			return rc;
	}
	return check_manifest(w, &image, of_image, err);
}
