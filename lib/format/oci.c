/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/oci.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/codec.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *media_type;
	enum codec codec;
} layer_types[] = {
	{ OCI_LAYER, CODEC_NONE },
	{ OCI_LAYER_GZIP, CODEC_GZIP },
	{ OCI_LAYER_ZSTD, CODEC_ZSTD },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar", CODEC_NONE },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", CODEC_GZIP },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", CODEC_ZSTD },
	{ "application/vnd.docker.image.rootfs.diff.tar", CODEC_NONE },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", CODEC_GZIP },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", CODEC_ZSTD },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar", CODEC_NONE },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", CODEC_GZIP },
};

bool oci_is_manifest(const char *media_type)
{
	return strcmp(media_type, OCI_MANIFEST) == 0 || strcmp(media_type, DOCKER_MANIFEST) == 0;
}

bool oci_is_index(const char *media_type)
{
	return strcmp(media_type, OCI_INDEX) == 0 || strcmp(media_type, DOCKER_INDEX) == 0;
}

int oci_layer_codec(const char *media_type, int *ret_codec, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(layer_types); i++)
		if (strcmp(media_type, layer_types[i].media_type) == 0) {
			*ret_codec = (int)layer_types[i].codec;
			return 0;
		}
	return firn_fail(err, FIRN_EUNSUPP, "layers of type %s can't be read",
			 path_quote(media_type, quoted));
}

/* descriptor.md: annotations are a map of strings to strings. */
static int check_annotations(const json_t *doc, struct firn_error *err)
{
	json_t *annotations, *value;
	const char *key, *text;
	int rc = json_opt_object(doc, "annotations", &annotations, err);

	if (rc <= 0)
		return rc;
	json_object_foreach (annotations, key, value) {
		rc = json_get_str(annotations, key, &text, err);
		if (rc < 0)
			return firn_wrap(err, rc, "\"annotations\"");
	}
	return 0;
}

const char *oci_annotation(const json_t *doc, const char *key)
{
	return json_string_value(json_object_get(json_object_get(doc, "annotations"), key));
}

static int bad_digest(const char *where, const char *text, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, FIRN_ECORRUPT, "%s: expected sha256:HEX or sha512:HEX, found %s",
			 where, path_quote(text, quoted));
}

void oci_descriptor_done(struct oci_descriptor *d)
{
	json_decref(d->json);
	*d = (struct oci_descriptor){ 0 };
}

int oci_descriptor_parse(const json_t *j, struct oci_descriptor *ret, struct firn_error *err)
{
	struct oci_descriptor d = { 0 };
	const char *type, *digest;
	json_t *platform;
	int rc;

	if ((rc = json_get_str(j, "mediaType", &type, err)) < 0 ||
	    (rc = json_get_str(j, "digest", &digest, err)) < 0 ||
	    (rc = json_get_u64(j, "size", OCI_BLOB_MAX, &d.size, err)) < 0 ||
	    (rc = json_opt_object(j, "platform", &platform, err)) < 0 ||
	    (rc = check_annotations(j, err)) < 0)
		return rc;
	if (!*type || strlen(type) >= sizeof(d.media_type))
		return firn_fail(err, FIRN_ECORRUPT, "\"mediaType\": expected 1..%zu bytes",
				 sizeof(d.media_type) - 1);
	if (digest_parse(&d.digest, digest, NULL) < 0)
		return bad_digest("\"digest\"", digest, err);
	snprintf(d.media_type, sizeof(d.media_type), "%s", type);
	d.json = json_incref((json_t *)j);
	*ret = d;
	return 0;
}

int oci_descriptor_json(const struct oci_descriptor *d, json_t **ret, struct firn_error *err)
{
	_json_ json_t *j = d->json ? json_deep_copy(d->json) : json_object();
	char digest[DIGEST_TEXT_MAX];
	int rc;

	if (!j)
		return firn_fail_oom(err, "descriptor");
	if (!d->json) {
		digest_text(&d->digest, digest);
		if ((rc = json_put_str(j, "mediaType", d->media_type, err)) < 0 ||
		    (rc = json_put_str(j, "digest", digest, err)) < 0 ||
		    (rc = json_put(j, "size", json_integer((json_int_t)d->size), err)) < 0)
			return rc;
	}
	*ret = take_ptr(&j);
	return 0;
}

static void descriptors_free(struct oci_descriptor *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		oci_descriptor_done(&list[i]);
	free(list);
}

/* The member @key of @doc, an array of descriptors. */
static int parse_list(const json_t *doc, const char *key, size_t max, struct oci_descriptor **ret,
		      size_t *ret_count, struct firn_error *err)
{
	struct oci_descriptor *list;
	json_t *array;
	size_t count;
	int rc = json_get_array(doc, key, &array, err);

	if (rc < 0)
		return rc;
	count = json_array_size(array);
	if (count > max)
		return firn_fail(err, FIRN_ELIMIT, "\"%s\": more than %zu entries", key, max);
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return firn_fail_oom(err, key);
	for (size_t i = 0; i < count; i++) {
		rc = oci_descriptor_parse(json_array_get(array, i), &list[i], err);
		if (rc < 0) {
			descriptors_free(list, i);
			return firn_wrap(err, rc, "%s[%zu]", key, i);
		}
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

/*
 * Manifest or index: schemaVersion 2, and one thing only. A document that can be read as both
 * would be one image for this reader and another for the next (CVE-2021-41190): @foreign are
 * members that only the other kind has.
 */
static int parse_document(const char *text, size_t len, bool (*is_type)(const char *),
			  const char *const *foreign, json_t **ret, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	char quoted[PATH_QUOTE_MAX];
	const char *type = NULL;
	uint64_t version;
	int rc;

	if (len > OCI_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "document larger than %u bytes",
				 OCI_DOCUMENT_MAX);
	if ((rc = json_parse(text, len, &doc, err)) < 0 ||
	    (rc = json_get_u64(doc, "schemaVersion", UINT32_MAX, &version, err)) < 0 ||
	    (rc = json_opt_str(doc, "mediaType", &type, err)) < 0 ||
	    (rc = check_annotations(doc, err)) < 0)
		return rc;
	if (version != 2)
		return firn_fail(err, FIRN_ECORRUPT, "\"schemaVersion\": expected 2, found %llu",
				 (unsigned long long)version);
	if (type && !is_type(type))
		return firn_fail(err, FIRN_ECORRUPT,
				 "\"mediaType\": %s is another kind of document",
				 path_quote(type, quoted));
	for (; *foreign; foreign++)
		if (json_object_get(doc, *foreign))
			return firn_fail(err, FIRN_ECORRUPT,
					 "\"%s\" does not belong in this kind of document",
					 *foreign);
	*ret = take_ptr(&doc);
	return 0;
}

/*
 * image-spec manifest.md, "mediaType": it may be absent. The indexes of "ctr checkpoint" have none.
 */
static const char *type_of(const json_t *doc)
{
	if (json_object_get(doc, "manifests"))
		return OCI_INDEX;
	return json_object_get(doc, "layers") ? OCI_MANIFEST : "";
}

int oci_document_type(const char *text, size_t len, char ret[OCI_TYPE_MAX], struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	const char *type = NULL;
	int rc = json_parse(text, len, &doc, err);

	if (rc < 0 || (rc = json_opt_str(doc, "mediaType", &type, err)) < 0)
		return rc;
	if (!type)
		type = type_of(doc);
	if (!oci_is_manifest(type) && !oci_is_index(type))
		return firn_fail(err, FIRN_EINVAL, "is neither a manifest nor an index");
	snprintf(ret, OCI_TYPE_MAX, "%s", type);
	return 0;
}

void oci_manifest_done(struct oci_manifest *m)
{
	descriptors_free(m->layers, m->nlayers);
	oci_descriptor_done(&m->config);
	oci_descriptor_done(&m->subject);
	json_decref(m->json);
	*m = (struct oci_manifest){ 0 };
}

int oci_manifest_parse(const char *text, size_t len, struct oci_manifest *ret,
		       struct firn_error *err)
{
	static const char *const foreign[] = { "manifests", "fsLayers", NULL };
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	json_t *config, *subject;
	int rc = parse_document(text, len, oci_is_manifest, foreign, &m.json, err);

	if (rc < 0 || (rc = json_get_object(m.json, "config", &config, err)) < 0)
		return rc;
	rc = oci_descriptor_parse(config, &m.config, err);
	if (rc < 0)
		return firn_wrap(err, rc, "config");
	rc = parse_list(m.json, "layers", OCI_LAYERS_MAX, &m.layers, &m.nlayers, err);
	if (rc < 0 || (rc = json_opt_object(m.json, "subject", &subject, err)) < 0)
		return rc;
	if (rc && (rc = oci_descriptor_parse(subject, &m.subject, err)) < 0)
		return firn_wrap(err, rc, "subject");
	*ret = m;
	memset(&m, 0, sizeof(m));
	return 0;
}

void oci_index_done(struct oci_index *i)
{
	descriptors_free(i->manifests, i->nmanifests);
	json_decref(i->json);
	*i = (struct oci_index){ 0 };
}

int oci_index_parse(const char *text, size_t len, struct oci_index *ret, struct firn_error *err)
{
	static const char *const foreign[] = { "layers", "config", "fsLayers", NULL };
	_cleanup_(oci_index_done) struct oci_index i = { 0 };
	int rc = parse_document(text, len, oci_is_index, foreign, &i.json, err);

	if (rc < 0 || (rc = parse_list(i.json, "manifests", OCI_MANIFESTS_MAX, &i.manifests,
				       &i.nmanifests, err)) < 0)
		return rc;
	*ret = i;
	memset(&i, 0, sizeof(i));
	return 0;
}

void oci_config_done(struct oci_config *c)
{
	free(c->diff_ids);
	json_decref(c->json);
	*c = (struct oci_config){ 0 };
}

static int parse_diff_ids(const json_t *rootfs, struct oci_config *c, struct firn_error *err)
{
	const char *type;
	char where[32];
	json_t *ids;
	size_t count;
	int rc;

	if ((rc = json_get_str(rootfs, "type", &type, err)) < 0 ||
	    (rc = json_get_array(rootfs, "diff_ids", &ids, err)) < 0)
		return rc;
	count = json_array_size(ids);
	if (strcmp(type, "layers") != 0)
		return firn_fail(err, FIRN_ECORRUPT, "\"type\": expected \"layers\"");
	if (count > OCI_LAYERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "\"diff_ids\": more than %d entries",
				 OCI_LAYERS_MAX);
	c->diff_ids = calloc(count + 1, sizeof(*c->diff_ids));
	if (!c->diff_ids)
		return firn_fail_oom(err, "diff_ids");
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(ids, i));

		if (!text)
			return firn_fail(err, FIRN_ECORRUPT, "diff_ids[%zu]: expected a string", i);
		snprintf(where, sizeof(where), "diff_ids[%zu]", i);
		if (digest_parse(&c->diff_ids[i], text, NULL) < 0)
			return bad_digest(where, text, err);
	}
	c->ndiff_ids = count;
	return 0;
}

int oci_config_parse(const char *text, size_t len, struct oci_config *ret, struct firn_error *err)
{
	_cleanup_(oci_config_done) struct oci_config c = { 0 };
	json_t *rootfs;
	int rc;

	if (len > OCI_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "document larger than %u bytes",
				 OCI_DOCUMENT_MAX);
	if ((rc = json_parse(text, len, &c.json, err)) < 0 ||
	    (rc = json_get_str(c.json, "architecture", &c.architecture, err)) < 0 ||
	    (rc = json_get_str(c.json, "os", &c.os, err)) < 0 ||
	    (rc = json_get_object(c.json, "rootfs", &rootfs, err)) < 0)
		return rc;
	rc = parse_diff_ids(rootfs, &c, err);
	if (rc < 0)
		return firn_wrap(err, rc, "rootfs");
	*ret = c;
	c = (struct oci_config){ 0 };
	return 0;
}
