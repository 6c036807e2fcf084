/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What names a layer or document that has become another one names that instead. */
#include "copy/door_priv.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "copy/plan.h"

#include <stdlib.h>
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

int door_note_zstd(json_t *entry, bool zstd, struct firn_error *err)
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

/* @entry of a document, which named @was: 0 it still does, 1 no more, 2 and has zstd layers. */
static int change_entry(const struct door *d, const struct digest *was, json_t *entry,
			struct became *ret, struct firn_error *err)
{
	const struct became *b = door_find(d, was, true);
	int rc;

	if (!b || !b->changed)
		return 0;
	ret->changed = true;
	rc = name_new(entry, b, NULL, err);
	return rc < 0 ? rc : 1 + b->zstd;
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

static int change_layers(struct door *d, const struct oci_manifest *m, const struct oci_config *c,
			 struct became *ret, struct firn_error *err)
{
	for (size_t i = 0; i < m->nlayers; i++) {
		const struct oci_descriptor *layer = &m->layers[i];
		struct became b = { .changed = false };
		int rc = 0;

		if (door_wants(d, layer) && !is_of_base(m, i, &c->diff_ids[i]))
			rc = door_layer(d, layer, &c->diff_ids[i], &b, err);
		if (rc == 0 && b.changed)
			rc = name_new(layer->json, &b, door_type(d), err);
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

static int change_image(struct door *d, const struct oci_manifest *m, struct became *ret,
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
	return rc < 0 ? rc : change_layers(d, m, &c, ret, err);
}

/* Prints the document @json, which is to be changed, in the style that it has. */
struct printing {
	const char *text;
	size_t len;
	struct json_style style;
};

static int keep_document(struct door *d, const struct printing *p, const json_t *json,
			 struct became *ret, struct firn_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = ret->changed ? json_print_in(&p->style, json, &text, err) : 0;

	if (rc < 0 || !ret->changed)
		return rc;
	if (text.len > OCI_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "becomes larger than %u bytes",
				 OCI_DOCUMENT_MAX);
	ret->size = text.len;
	return store_put(d->spool, text.data, text.len, &ret->is, err);
}

static int change_manifest(struct door *d, struct printing *p, struct became *ret,
			   struct firn_error *err)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	int rc = oci_manifest_parse(p->text, p->len, &m, err);

	if (rc < 0 || (rc = json_style_of(p->text, p->len, m.json, &p->style, err)) < 0)
		return rc;
	*d->subject = '\0';
	if (m.subject.digest.alg)
		rc = change_entry(d, &m.subject.digest, m.subject.json, ret, err);
	if (ret->changed)
		digest_text(&m.subject.digest, d->subject);
	if (rc < 0 || (rc = change_image(d, &m, ret, err)) < 0)
		return rc;
	return keep_document(d, p, m.json, ret, err);
}

static int change_index(struct door *d, struct printing *p, struct became *ret,
			struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	struct digest subject;
	json_t *j = NULL;
	int rc = oci_index_parse(p->text, p->len, &index, err);

	if (rc < 0 || (rc = json_style_of(p->text, p->len, index.json, &p->style, err)) < 0)
		return rc;
	for (size_t i = 0; i < index.nmanifests; i++) {
		json_t *entry = index.manifests[i].json;

		rc = change_entry(d, &index.manifests[i].digest, entry, ret, err);
		if (rc > 0)
			rc = door_note_zstd(entry, rc > 1, err);
		if (rc < 0)
			return rc;
	}
	rc = json_opt_object(index.json, "subject", &j, err);
	/* It was looked at before. */
	if (rc > 0 &&
	    digest_parse(&subject, json_string_value(json_object_get(j, "digest")), NULL) == 0)
		rc = change_entry(d, &subject, j, ret, err);
	return rc < 0 ? rc : keep_document(d, p, index.json, ret, err);
}

/* The documents that a document names. It is no more held while these are gone through. */
struct named {
	struct oci_descriptor *list; /* without their json */
	size_t n;
};

static void named_done(struct named *n)
{
	free(n->list);
}

static void add_named(struct named *n, const struct oci_descriptor *d)
{
	if (!oci_is_manifest(d->media_type) && !oci_is_index(d->media_type))
		return;
	n->list[n->n] = *d;
	n->list[n->n++].json = NULL;
}

static int named_in_manifest(const char *text, size_t len, struct named *ret,
			     struct firn_error *err)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	int rc = oci_manifest_parse(text, len, &m, err);

	if (rc < 0 || !m.subject.digest.alg)
		return rc;
	ret->list = calloc(1, sizeof(*ret->list));
	if (!ret->list)
		return firn_fail_oom(err, "manifest");
	add_named(ret, &m.subject);
	return 0;
}

static int named_in_index(const char *text, size_t len, struct named *ret, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	_cleanup_(oci_descriptor_done) struct oci_descriptor subject = { 0 };
	json_t *j;
	int rc = oci_index_parse(text, len, &index, err);

	if (rc < 0 || (rc = json_opt_object(index.json, "subject", &j, err)) < 0)
		return rc;
	if (rc && (rc = oci_descriptor_parse(j, &subject, err)) < 0)
		return firn_wrap(err, rc, "subject");
	ret->list = calloc(index.nmanifests + 1, sizeof(*ret->list));
	if (!ret->list)
		return firn_fail_oom(err, "index");
	for (size_t i = 0; i < index.nmanifests; i++)
		add_named(ret, &index.manifests[i]);
	add_named(ret, &subject);
	return 0;
}

/* 1: there is no such document. */
static int read_named(struct door *d, const struct oci_descriptor *desc, struct named *ret,
		      struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t len;
	int rc = from_document(d->from, desc, &text, &len, err);

	/* What may be missing is for the plan to say. */
	if (rc < 0)
		return rc == -FIRN_ENOTFOUND ? 1 : rc;
	return oci_is_index(desc->media_type) ? named_in_index(text, len, ret, err)
					      : named_in_manifest(text, len, ret, err);
}

static int move_named(struct door *d, const struct named *named, int depth, bool *ret_any,
		      struct firn_error *err)
{
	struct became b;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < named->n; i++) {
		rc = door_move(d, &named->list[i], depth + 1, &b, err);
		*ret_any |= rc == 0 && b.changed;
	}
	return rc;
}

static int change_document(struct door *d, const struct oci_descriptor *desc, struct became *ret,
			   struct firn_error *err)
{
	struct printing p = { .text = NULL };
	_free_ char *text = NULL;
	int rc = from_document(d->from, desc, &text, &p.len, err);

	if (rc < 0)
		return rc;
	p.text = text;
	return oci_is_index(desc->media_type) ? change_index(d, &p, ret, err)
					      : change_manifest(d, &p, ret, err);
}

static int move_document(struct door *d, const struct oci_descriptor *desc, int depth,
			 struct became *ret, struct firn_error *err)
{
	_cleanup_(named_done) struct named named = { .n = 0 };
	bool any = false;
	int rc = read_named(d, desc, &named, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = move_named(d, &named, depth, &any, err);
	/* An index has nothing else that could change. */
	if (rc == 0 && (any || oci_is_manifest(desc->media_type)))
		rc = change_document(d, desc, ret, err);
	return rc < 0 ? rc : door_remember(d, ret, err);
}

int door_move(struct door *d, const struct oci_descriptor *desc, int depth, struct became *ret,
	      struct firn_error *err)
{
	const bool document = oci_is_manifest(desc->media_type) || oci_is_index(desc->media_type);
	const struct became *known = door_find(d, &desc->digest, true);
	struct became b = {
		.was = desc->digest,
		.document = true,
		.is = desc->digest,
		.size = desc->size,
	};
	char name[DIGEST_TEXT_MAX];
	int rc = 0;

	if (depth > PLAN_DEPTH_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d manifests inside each other",
				 PLAN_DEPTH_MAX);
	if (known)
		b = *known;
	/* A digest of another kind couldn't be had back. */
	else if (document && desc->digest.alg == DIGEST_SHA256)
		rc = move_document(d, desc, depth, &b, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", digest_text(&desc->digest, name));
	*ret = b;
	return 0;
}
