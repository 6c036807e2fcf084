/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What names a layer or document that has become another one names that instead. */
#include "copy/door_priv.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "copy/plan.h"

#include <string.h>

#define DISAGREES "has a config that does not fit its layers"

/* The digest and size of @entry, and its type if @type is one; copies of the old content go. */
static int name_new(json_t *entry, const struct became *b, const char *type, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	int rc = json_put_str(entry, "digest", digest_text(&b->is, text), err);

	if (rc == 0)
		rc = json_put(entry, "size", json_integer((json_int_t)b->size), err);
	if (rc == 0 && type)
		rc = json_put_str(entry, "mediaType", type, err);
	json_object_del(entry, "data");
	json_object_del(entry, "urls");
	return rc;
}

/* What a build says in an index of an image with such layers. */
static int note_zstd(json_t *entry, bool zstd, struct firn_error *err)
{
	json_t *a = json_object_get(entry, "annotations");
	int rc = 0;

	if (zstd && !json_is_object(a)) {
		rc = json_put(entry, "annotations", json_object(), err);
		a = json_object_get(entry, "annotations");
	}
	if (zstd)
		return rc < 0 ? rc : json_put_str(a, CONTAINERS_ZSTD, CONTAINERS_ZSTD_TRUE, err);
	if (a && json_object_del(a, CONTAINERS_ZSTD) == 0 && json_object_size(a) == 0)
		json_object_del(entry, "annotations");
	return 0;
}

/* What @entry of a document, described by @desc, is now. */
static int move_entry(struct door *d, const struct oci_descriptor *desc, json_t *entry, int depth,
		      bool in_index, bool *ret_changed, struct firn_error *err)
{
	struct became b;
	int rc = door_move(d, desc, depth + 1, &b, err);

	if (rc < 0 || !b.changed)
		return rc;
	*ret_changed = true;
	rc = name_new(entry, &b, NULL, err);
	return rc < 0 || !in_index ? rc : note_zstd(entry, b.zstd, err);
}

/* 1 and the config when it can be said which diff_id each layer has. */
static int load_config(struct door *d, const struct oci_manifest *m, struct oci_config *ret,
		       struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_free_ char *text = NULL;
	int rc;

	if (strcmp(m->config.media_type, OCI_CONFIG) != 0 || m->config.size > OCI_DOCUMENT_MAX)
		return 0;
	text = malloc((size_t)m->config.size + 1);
	if (!text)
		return firn_fail_oom(err, "config");
	if ((rc = from_blob(d->from, &m->config.digest, m->config.size, &src, err)) < 0 ||
	    (rc = source_read_at(src, text, (size_t)m->config.size, 0, err)) < 0)
		return rc;
	text[m->config.size] = '\0';
	rc = oci_config_parse(text, (size_t)m->config.size, ret, err);
	return rc < 0 ? rc : ret->ndiff_ids == m->nlayers;
}

/* The manifest knows it best: the descriptor of a base's layer is the one that it has there. */
static bool is_of_base(const struct oci_manifest *m, size_t i, const struct digest *diff_id)
{
	char key[ANNOTATION_KEY_MAX];
	const char *role =
	    oci_annotation(m->json, annotation_for_layer(ORG_FIRN_LAYER, diff_id, key));

	if (!role)
		role = oci_annotation(m->layers[i].json, ORG_FIRN_LAYER);
	return role && strcmp(role, ORG_FIRN_LAYER_BASE) == 0;
}

static bool is_zstd(const char *type)
{
	int codec;

	return oci_layer_codec(type, &codec, NULL) == 0 && codec == CODEC_ZSTD;
}

static int move_layers(struct door *d, const struct oci_manifest *m, const struct oci_config *c,
		       json_t *doc, struct became *ret, struct firn_error *err)
{
	json_t *list = json_object_get(doc, "layers");

	for (size_t i = 0; i < m->nlayers; i++) {
		const struct oci_descriptor *layer = &m->layers[i];
		struct became b = { .changed = false };
		int rc = 0;

		if (door_wants(d, layer) && !is_of_base(m, i, &c->diff_ids[i]))
			rc = door_layer(d, layer, &c->diff_ids[i], &b, err);
		if (rc == 0 && b.changed)
			rc = name_new(json_array_get(list, i), &b, door_type(d), err);
		if (rc < 0)
			return rc;
		ret->changed |= b.changed;
		ret->zstd |= is_zstd(b.changed ? door_type(d) : layer->media_type);
	}
	return 0;
}

static bool wants_any(const struct door *d, const struct oci_manifest *m)
{
	for (size_t i = 0; i < m->nlayers; i++)
		if (door_wants(d, &m->layers[i]))
			return true;
	return false;
}

static int move_image(struct door *d, const struct oci_manifest *m, json_t *doc, struct became *ret,
		      struct firn_error *err)
{
	_cleanup_(oci_config_done) struct oci_config c = { 0 };
	int rc;

	if (!wants_any(d, m))
		return 0;
	rc = load_config(d, m, &c, err);
	if (rc == 0 || door_is_bytes_fault(rc)) {
		if (rc < 0 || strcmp(m->config.media_type, OCI_CONFIG) == 0)
			door_warn(d, &ret->was, DISAGREES);
		return 0;
	}
	return rc < 0 ? rc : move_layers(d, m, &c, doc, ret, err);
}

static int move_manifest(struct door *d, const char *text, size_t len, int depth, json_t **ret_doc,
			 struct became *ret, struct firn_error *err)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	_json_ json_t *doc = NULL;
	int rc = oci_manifest_parse(text, len, &m, err);

	if (rc < 0)
		return rc;
	doc = json_deep_copy(m.json);
	if (!doc)
		return firn_fail_oom(err, "manifest");
	if (m.subject.digest.alg)
		rc = move_entry(d, &m.subject, json_object_get(doc, "subject"), depth, false,
				&ret->changed, err);
	if (rc < 0)
		return rc;
	*d->subject = '\0';
	if (ret->changed)
		digest_text(&m.subject.digest, d->subject);
	rc = move_image(d, &m, doc, ret, err);
	if (rc < 0)
		return rc;
	*ret_doc = take_ptr(&doc);
	return 0;
}

static int move_index(struct door *d, const char *text, size_t len, int depth, json_t **ret_doc,
		      struct became *ret, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	_cleanup_(oci_descriptor_done) struct oci_descriptor subject = { 0 };
	_json_ json_t *doc = NULL;
	json_t *j;
	int rc = oci_index_parse(text, len, &index, err);

	if (rc < 0)
		return rc;
	doc = json_deep_copy(index.json);
	if (!doc)
		return firn_fail_oom(err, "index");
	for (size_t i = 0; rc == 0 && i < index.nmanifests; i++)
		rc = move_entry(d, &index.manifests[i],
				json_array_get(json_object_get(doc, "manifests"), i), depth, true,
				&ret->changed, err);
	if (rc < 0 || (rc = json_opt_object(doc, "subject", &j, err)) < 0)
		return rc;
	if (rc && ((rc = oci_descriptor_parse(j, &subject, err)) < 0 ||
		   (rc = move_entry(d, &subject, j, depth, false, &ret->changed, err)) < 0))
		return firn_wrap(err, rc, "subject");
	*ret_doc = take_ptr(&doc);
	return 0;
}

static int keep_document(struct door *d, const char *was, size_t len, const json_t *doc,
			 struct became *ret, struct firn_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = json_print_like(was, len, doc, &text, err);

	if (rc < 0)
		return rc;
	if (text.len > OCI_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "becomes larger than %u bytes",
				 OCI_DOCUMENT_MAX);
	ret->size = text.len;
	return store_put(d->spool, text.data, text.len, &ret->is, err);
}

static int move_document(struct door *d, const struct oci_descriptor *desc, const char *text,
			 size_t len, int depth, struct became *ret, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	char name[DIGEST_TEXT_MAX];
	int rc = oci_is_index(desc->media_type)
		     ? move_index(d, text, len, depth, &doc, ret, err)
		     : move_manifest(d, text, len, depth, &doc, ret, err);

	if (rc == 0 && ret->changed)
		rc = keep_document(d, text, len, doc, ret, err);
	if (rc == 0)
		rc = door_remember(d, ret, err);
	return firn_wrap(err, rc, "%s", digest_text(&desc->digest, name));
}

int door_move(struct door *d, const struct oci_descriptor *desc, int depth, struct became *ret,
	      struct firn_error *err)
{
	const bool document = oci_is_manifest(desc->media_type) || oci_is_index(desc->media_type);
	const struct became *known = door_find(d, &desc->digest, true);
	_free_ char *text = NULL;
	size_t len;
	int rc;

	*ret = (struct became){
		.was = desc->digest,
		.document = true,
		.is = desc->digest,
		.size = desc->size,
	};
	if (known)
		*ret = *known;
	/* A digest of another kind couldn't be had back. */
	if (known || !document || desc->digest.alg != DIGEST_SHA256)
		return 0;
	if (depth > PLAN_DEPTH_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d manifests inside each other",
				 PLAN_DEPTH_MAX);
	rc = from_document(d->from, desc, &text, &len, err);
	/* What may be missing is for the plan to say. */
	if (rc < 0)
		return rc == -FIRN_ENOTFOUND ? 0 : rc;
	return move_document(d, desc, text, len, depth, ret, err);
}
