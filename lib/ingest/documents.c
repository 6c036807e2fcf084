/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/documents.h"

#include "base/fd.h"
#include "bytes/codec.h"

#include <stdio.h>
#include <time.h>

#define CREATED_BY  "firn build"
#define TIME_LATEST 253402300799 /* 9999-12-31T23:59:59Z: RFC 3339 has four digits */

const char *document_time(int64_t seconds, char ret[DOCUMENT_TIME_MAX])
{
	time_t t = seconds < 0 ? 0 : seconds > TIME_LATEST ? TIME_LATEST : seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(ret, DOCUMENT_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return ret;
}

int document_finish_layer(struct layer_out *out, struct blobs *blobs, const char *role,
			  struct oci_descriptor *ret_desc, struct document_layer *ret,
			  struct firn_error *err)
{
	const bool packed = out->packed;
	int rc = layer_out_finish(out, err);

	if (rc < 0)
		return firn_wrap(err, rc, "%s layer", role);
	*ret_desc = (struct oci_descriptor){
		.digest = out->digest,
		.size = out->size,
	};
	snprintf(ret_desc->media_type, sizeof(ret_desc->media_type), "%s",
		 packed ? OCI_LAYER_ZSTD : OCI_LAYER);
	*ret = (struct document_layer){
		.desc = ret_desc,
		.diff_id = out->diff_id,
		.role = role,
		.mountable = ORG_FIRN_MOUNTABLE_EROFS,
	};
	return blobs_take(blobs, &out->blob, err);
}

static int append(json_t *array, json_t *value, struct firn_error *err)
{
	if (!value || json_array_append_new(array, value) < 0)
		return firn_fail_oom(err, "document");
	return 0;
}

static int append_history(json_t *history, const char *created, const char *role,
			  struct firn_error *err)
{
	return append(history,
		      json_pack("{s:s, s:s, s:s}", "created", created, "created_by", CREATED_BY,
				"comment", role),
		      err);
}

int document_config(const struct document_config *c, json_t **ret, struct firn_error *err)
{
	_json_ json_t *diff_ids = json_array(), *history = json_array(), *doc = NULL;
	char text[DIGEST_TEXT_MAX];
	int rc = 0;

	if (!diff_ids || !history)
		return firn_fail_oom(err, "config");
	for (size_t i = 0; rc >= 0 && i < c->nlayers; i++) {
		rc = append(diff_ids, json_string(digest_text(&c->layers[i].diff_id, text)), err);
		if (rc >= 0)
			rc = append_history(history, c->created, c->layers[i].role, err);
	}
	if (rc < 0)
		return rc;
	doc = json_pack("{s:s, s:s, s:s, s:{s:s, s:O}, s:O}", "architecture", c->architecture, "os",
			"linux", "created", c->created, "rootfs", "type", "layers", "diff_ids",
			diff_ids, "history", history);
	if (!doc)
		return firn_fail_oom(err, "config");
	*ret = take_ptr(&doc);
	return 0;
}

/* config.md: history, if there, has an entry for each layer that is not marked as empty. */
static bool history_is_whole(const json_t *history, size_t nlayers)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(history); i++)
		n += !json_is_true(json_object_get(json_array_get(history, i), "empty_layer"));
	return n == nlayers;
}

int document_config_on(const struct oci_config *base, const struct document_layer *top,
		       const char *created, json_t **ret, struct firn_error *err)
{
	_json_ json_t *doc = json_deep_copy(base->json);
	char text[DIGEST_TEXT_MAX];
	json_t *history, *diff_ids;
	int rc;

	if (!doc)
		return firn_fail_oom(err, "config");
	diff_ids = json_object_get(json_object_get(doc, "rootfs"), "diff_ids");
	rc = append(diff_ids, json_string(digest_text(&top->diff_id, text)), err);
	if (rc < 0)
		return rc;
	history = json_object_get(doc, "history");
	if (history_is_whole(history, base->ndiff_ids) && json_array_size(history) > 0)
		rc = append_history(history, created, top->role, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&doc);
	return 0;
}

static int layer_json(const struct document_layer *l, json_t **ret, struct firn_error *err)
{
	_json_ json_t *doc = NULL, *annotations = NULL;
	int rc = oci_descriptor_json(l->desc, &doc, err);

	if (rc < 0)
		return rc;
	if (!l->desc->json) {
		annotations = json_pack("{s:s, s:s*}", ORG_FIRN_LAYER, l->role, ORG_FIRN_MOUNTABLE,
					l->mountable);
		rc = json_put(doc, "annotations", take_ptr(&annotations), err);
		if (rc < 0)
			return rc;
	}
	*ret = take_ptr(&doc);
	return 0;
}

static int note_layer(json_t *annotations, const struct document_layer *l, struct firn_error *err)
{
	char key[ANNOTATION_KEY_MAX];
	int rc = json_put_str(annotations, annotation_for_layer(ORG_FIRN_LAYER, &l->diff_id, key),
			      l->role, err);

	if (rc < 0 || !l->mountable)
		return rc;
	return json_put_str(annotations, annotation_for_layer(ORG_FIRN_MOUNTABLE, &l->diff_id, key),
			    l->mountable, err);
}

static int add_layers(const struct document_layer *layers, size_t n, json_t *list,
		      json_t *annotations, struct firn_error *err)
{
	for (size_t i = 0; i < n; i++) {
		json_t *layer = NULL;
		int rc = layer_json(&layers[i], &layer, err);

		if (rc < 0 || (rc = append(list, layer, err)) < 0 ||
		    (rc = note_layer(annotations, &layers[i], err)) < 0)
			return rc;
	}
	return 0;
}

int document_annotations(const char *role, const char *container, json_t **ret,
			 struct firn_error *err)
{
	json_t *a = json_pack("{s:s, s:s, s:s*}", ORG_FIRN_FORMAT, ORG_FIRN_FORMAT_1, ORG_FIRN_ROLE,
			      role, ORG_FIRN_CONTAINER, container);

	if (!a)
		return firn_fail_oom(err, "annotations");
	*ret = a;
	return 0;
}

int document_manifest(const struct oci_descriptor *config, const struct document_layer *layers,
		      size_t n, const struct oci_descriptor *subject, json_t *annotations,
		      json_t **ret, struct firn_error *err)
{
	_json_ json_t *owned = annotations, *list = json_array(), *config_json = NULL,
		      *subject_json = NULL, *doc = NULL;
	int rc;

	if (!list)
		return firn_fail_oom(err, "manifest");
	if ((rc = add_layers(layers, n, list, owned, err)) < 0 ||
	    (rc = oci_descriptor_json(config, &config_json, err)) < 0 ||
	    (subject && (rc = oci_descriptor_json(subject, &subject_json, err)) < 0))
		return rc;
	doc = json_pack("{s:i, s:s, s:O, s:O, s:O*, s:O}", "schemaVersion", 2, "mediaType",
			OCI_MANIFEST, "config", config_json, "layers", list, "subject",
			subject_json, "annotations", owned);
	if (!doc)
		return firn_fail_oom(err, "manifest");
	*ret = take_ptr(&doc);
	return 0;
}

bool document_in_zstd(const struct document_layer *layers, size_t n)
{
	int codec;

	for (size_t i = 0; i < n; i++)
		if (oci_layer_codec(layers[i].desc->media_type, &codec, NULL) == 0 &&
		    codec == CODEC_ZSTD)
			return true;
	return false;
}

int document_put(struct store *s, struct blobs *blobs, const json_t *doc, const char *media_type,
		 struct oci_descriptor *ret, struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	struct oci_descriptor d = { .json = NULL };
	_buf_ struct buf text = BUF_INIT;
	int rc = json_print(doc, &text, err);

	if (rc < 0)
		return rc;
	if (text.len > OCI_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "a document of %zu bytes, more than %u",
				 text.len, OCI_DOCUMENT_MAX);
	snprintf(d.media_type, sizeof(d.media_type), "%s", media_type);
	if ((rc = blob_new(s, 0, &w, err)) < 0 ||
	    (rc = blob_write(w, text.data, text.len, err)) < 0 ||
	    (rc = blob_seal(w, &d.digest, &d.size, err)) < 0 ||
	    (rc = blobs_take(blobs, &w, err)) < 0)
		return rc;
	*ret = d;
	return 0;
}
