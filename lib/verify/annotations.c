/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What firn's annotations say (firn-format(5), "Annotations") against what is there. */
#include "verify/trace.h"

#include "base/fd.h"
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Manifests are read again for the indexes that name them: so many of one, and bytes in all. */
#define LOOKS_MAX  1000
#define LOOKED_MAX (64ull << 20)

static bool among(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* Annotations with one of a few values. */
static const struct {
	const char *key;
	const char *values[6];
} words[] = {
	{ ORG_FIRN_ROLE, { ORG_FIRN_ROLE_CHECKPOINT, ORG_FIRN_ROLE_ROOTFS, ORG_FIRN_ROLE_SOURCE } },
	{ ORG_FIRN_BASE, { ORG_FIRN_BASE_EXTERNAL } },
	{ ORG_FIRN_PAGES, { ORG_FIRN_PAGES_LZ4 } },
	{ ORG_FIRN_MOUNTABLE, { ORG_FIRN_MOUNTABLE_EROFS } },
	{ ORG_FIRN_LAYER,
	  { ORG_FIRN_LAYER_BASE, ORG_FIRN_LAYER_DELTA, ORG_FIRN_LAYER_METADATA,
	    ORG_FIRN_LAYER_IMAGES, ORG_FIRN_LAYER_COMPAT } },
};

static void bad(struct trace *w, const char *place, const char *key, const char *value)
{
	char quoted[2][PATH_QUOTE_MAX];

	findings_add(w->findings, FINDING_FAULT, place, "bad-annotation", "%s is %s",
		     path_quote(key, quoted[0]), path_quote(value ? value : "", quoted[1]));
}

static void check_word(struct trace *w, const char *place, size_t i, const char *key,
		       const char *value)
{
	if (value && !among(value, words[i].values))
		bad(w, place, key, value);
}

static void check_words(struct trace *w, const char *place, const json_t *doc)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		check_word(w, place, i, words[i].key, oci_annotation(doc, words[i].key));
}

/* Values that are digests. */
static void check_digests(struct trace *w, const char *place, const json_t *doc)
{
	static const char *const keys[] = { ORG_FIRN_SOURCE_DIGEST, ORG_FIRN_CONFIG_DIGEST,
					    OCI_BASE_DIGEST };
	struct digest d;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = oci_annotation(doc, keys[i]);

		/* Buildah has an empty one for an image from scratch. */
		if (value && *value && digest_parse(&d, value, NULL) < 0)
			bad(w, place, keys[i], value);
	}
}

static void check_zero_pages(struct trace *w, const char *place, const json_t *doc)
{
	const char *text = oci_annotation(doc, ORG_FIRN_ZERO_PAGES);

	if (text && (!*text || text[strspn(text, "0123456789")]))
		bad(w, place, ORG_FIRN_ZERO_PAGES, text);
}

/* A JSON array of sentences. */
static void check_loss(struct trace *w, const char *place, const json_t *doc)
{
	const char *text = oci_annotation(doc, ORG_FIRN_LOSS);
	_json_ json_t *list = NULL;
	size_t good = 0;

	if (!text)
		return;
	if (json_parse(text, strlen(text), &list, NULL) == 0)
		while (json_is_string(json_array_get(list, good)))
			good++;
	if (!json_is_array(list) || good < json_array_size(list))
		bad(w, place, ORG_FIRN_LOSS, text);
}

/* The layer that KEY.HEX is of; -1: of none. */
static ssize_t layer_of(const struct trace_image *image, const char *hex)
{
	char text[DIGEST_TEXT_MAX];
	struct digest d;

	snprintf(text, sizeof(text), "sha%s:%s", strlen(hex) == 64 ? "256" : "512", hex);
	if (digest_parse(&d, text, NULL) < 0)
		return -1;
	for (size_t i = 0; i < image->ndiff_ids; i++)
		if (digest_equal(&image->diff_ids[i], &d))
			return (ssize_t)i;
	return -1;
}

/* A manifest's KEY.HEX: there is that layer, and its descriptor doesn't say another thing. */
static void check_layer_key(struct trace *w, const struct trace_image *image, size_t word,
			    const char *key, const char *value)
{
	const char *name = words[word].key;
	char where[TRACE_PLACE_MAX], quoted[2][PATH_QUOTE_MAX];
	const char *says;
	ssize_t i;

	check_word(w, image->place, word, key, value);
	if (!image->ndiff_ids)
		return;
	i = layer_of(image, key + strlen(name) + 1);
	if (i < 0) {
		findings_add(w->findings, FINDING_FAULT, image->place, "annotation-differs",
			     "%s is of a layer that the image hasn't", path_quote(key, quoted[0]));
		return;
	}
	says = (size_t)i < image->nlayers ? oci_annotation(image->layers[i].json, name) : NULL;
	if (says && strcmp(says, value) != 0)
		findings_add(w->findings, FINDING_FAULT,
			     trace_place(where, image->place, "layers[%zd]", i),
			     "annotation-differs", "%s is %s, the manifest says %s", name,
			     path_quote(says, quoted[0]), path_quote(value, quoted[1]));
}

static void check_layer_keys(struct trace *w, const struct trace_image *image)
{
	json_t *all = json_object_get(image->doc, "annotations"), *value;
	const char *key;

	json_object_foreach (all, key, value)
		for (size_t i = 0; json_is_string(value) && i < ARRAY_SIZE(words); i++) {
			const size_t len = strlen(words[i].key);

			if (strncmp(key, words[i].key, len) == 0 && key[len] == '.')
				check_layer_key(w, image, i, key, json_string_value(value));
		}
}

/* KEY of layer @i: from its descriptor, else from the manifest. */
static const char *layer_says(const struct trace_image *image, size_t i, const char *key)
{
	const char *value = oci_annotation(image->layers[i].json, key);
	char name[ANNOTATION_KEY_MAX];

	if (value || i >= image->ndiff_ids)
		return value;
	return oci_annotation(image->doc, annotation_for_layer(key, &image->diff_ids[i], name));
}

static size_t count_layers(const struct trace_image *image, const char *role)
{
	size_t n = 0;

	for (size_t i = 0; i < image->nlayers; i++) {
		const char *says = layer_says(image, i, ORG_FIRN_LAYER);

		n += says && strcmp(says, role) == 0;
	}
	return n;
}

/* The layers that a role calls for. */
static void check_roles(struct trace *w, const struct trace_image *image)
{
	const char *role = oci_annotation(image->doc, ORG_FIRN_ROLE);

	if (role && strcmp(role, ORG_FIRN_ROLE_CHECKPOINT) == 0 &&
	    !count_layers(image, ORG_FIRN_LAYER_IMAGES))
		findings_add(w->findings, FINDING_FAULT, image->place, "layer-missing",
			     "is a checkpoint image and has no layer with %s=%s", ORG_FIRN_LAYER,
			     ORG_FIRN_LAYER_IMAGES);
	if (oci_annotation(image->doc, ORG_FIRN_BASE) && count_layers(image, ORG_FIRN_LAYER_BASE))
		findings_add(w->findings, FINDING_FAULT, image->place, "annotation-differs",
			     "%s says that the base is not in the image, but layers of it are",
			     ORG_FIRN_BASE);
}

void trace_annotations(struct trace *w, const struct trace_image *image)
{
	const char *format = oci_annotation(image->doc, ORG_FIRN_FORMAT);
	char where[TRACE_PLACE_MAX], quoted[PATH_QUOTE_MAX];

	check_digests(w, image->place, image->doc);
	if (!format)
		return;
	if (strcmp(format, ORG_FIRN_FORMAT_1) != 0) {
		findings_add(w->findings, FINDING_WARNING, image->place, "not-understood",
			     "is of format %s, this firn knows 1", path_quote(format, quoted));
		return;
	}
	check_words(w, image->place, image->doc);
	check_loss(w, image->place, image->doc);
	check_zero_pages(w, image->place, image->doc);
	check_layer_keys(w, image);
	check_roles(w, image);
	for (size_t i = 0; i < image->nlayers; i++) {
		const char *how = layer_says(image, i, ORG_FIRN_MOUNTABLE);

		check_words(w, trace_place(where, image->place, "layers[%zu]", i),
			    image->layers[i].json);
		if (image->blobs[i] && how && strcmp(how, ORG_FIRN_MOUNTABLE_EROFS) == 0)
			image->blobs[i]->flags |= BLOB_MOUNTABLE;
	}
}

/* What an entry of an index of firn's is: by itself, and by its manifest. */
struct entry {
	bool manifest_says, has_role, has_container;
	char role[2][16], container[2][PATH_NAME_MAX + 1];
	char subject[DIGEST_TEXT_MAX], digest[DIGEST_TEXT_MAX];
};

enum { BY_ENTRY, BY_MANIFEST };

static bool copy_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
	return text != NULL;
}

static void copy_entry(const json_t *j, struct entry *ret)
{
	copy_text(ret->digest, sizeof(ret->digest),
		  json_string_value(json_object_get(j, "digest")));
	ret->has_role =
	    copy_text(ret->role[BY_ENTRY], sizeof(ret->role[0]), oci_annotation(j, ORG_FIRN_ROLE));
	ret->has_container = copy_text(ret->container[BY_ENTRY], sizeof(ret->container[0]),
				       oci_annotation(j, ORG_FIRN_CONTAINER));
}

static int read_manifest(struct trace *w, struct entry *ret, struct firn_error *err)
{
	_json_ json_t *m = NULL;
	struct digest d;
	struct blob *blob;
	int rc;

	if (digest_parse(&d, ret->digest, NULL) < 0 || !(blob = blobset_find(w->blobs, &d)))
		return 0;
	w->looked += blob->size;
	if (w->looked > LOOKED_MAX)
		return 0;
	rc = trace_document(w, blob, &m, err);
	if (rc <= 0)
		return rc;
	ret->manifest_says = true;
	copy_text(ret->role[BY_MANIFEST], sizeof(ret->role[0]), oci_annotation(m, ORG_FIRN_ROLE));
	copy_text(ret->container[BY_MANIFEST], sizeof(ret->container[0]),
		  oci_annotation(m, ORG_FIRN_CONTAINER));
	copy_text(ret->subject, sizeof(ret->subject),
		  json_string_value(json_object_get(json_object_get(m, "subject"), "digest")));
	return 0;
}

/* Who copies an index may drop its entries' annotations, but has no reason to change them. */
static void check_same(struct trace *w, const char *place, const char *key, const char *here,
		       const char *there)
{
	char quoted[2][PATH_QUOTE_MAX];

	if (strcmp(here, there) != 0)
		findings_add(w->findings, FINDING_FAULT, place, "annotation-differs",
			     "%s is %s, the manifest says %s", key, path_quote(here, quoted[0]),
			     path_quote(there, quoted[1]));
}

static void check_entry(struct trace *w, const char *place, const struct entry *e)
{
	if (e->manifest_says && e->has_role)
		check_same(w, place, ORG_FIRN_ROLE, e->role[BY_ENTRY], e->role[BY_MANIFEST]);
	if (e->manifest_says && e->has_container)
		check_same(w, place, ORG_FIRN_CONTAINER, e->container[BY_ENTRY],
			   e->container[BY_MANIFEST]);
}

static bool is_role(const struct entry *e, const char *role)
{
	return strcmp(e->role[BY_MANIFEST], role) == 0;
}

/* A container's checkpoint and its filesystem belong together; there is one of each. */
static void check_pairs(struct trace *w, const char *place, const struct entry *list, size_t n,
			size_t i)
{
	const struct entry *e = &list[i];
	char quoted[PATH_QUOTE_MAX];
	bool twin = false;

	for (size_t k = 0; *e->role[BY_MANIFEST] && k < n; k++) {
		const struct entry *other = &list[k];

		if (k == i || strcmp(e->container[BY_MANIFEST], other->container[BY_MANIFEST]) != 0)
			continue;
		twin = twin || (k < i && is_role(other, e->role[BY_MANIFEST]));
		if (is_role(e, ORG_FIRN_ROLE_CHECKPOINT) && is_role(other, ORG_FIRN_ROLE_ROOTFS) &&
		    strcmp(e->subject, other->digest) != 0)
			findings_add(w->findings, FINDING_FAULT, place, "subject-differs",
				     "its \"subject\" is not manifests[%zu], its container's "
				     "filesystem",
				     k);
	}
	if (twin)
		findings_add(w->findings, FINDING_FAULT, place, "duplicate-container",
			     "is another %s image of container %s", e->role[BY_MANIFEST],
			     path_quote(e->container[BY_MANIFEST], quoted));
}

int trace_containers(struct trace *w, const char *place, json_t *index, struct firn_error *err)
{
	_json_ json_t *doc = index;
	const json_t *list = json_object_get(index, "manifests");
	const size_t n = json_array_size(list);
	_free_ struct entry *entries = NULL;
	char where[TRACE_PLACE_MAX];

	if (!oci_annotation(index, ORG_FIRN_FORMAT) || n > LOOKS_MAX)
		return 0;
	entries = calloc(n + 1, sizeof(*entries));
	if (!entries)
		return firn_fail_oom(err, "index");
	for (size_t i = 0; i < n; i++)
		copy_entry(json_array_get(list, i), &entries[i]);
	json_decref(take_ptr(&doc));
	for (size_t i = 0; i < n; i++) {
		int rc = read_manifest(w, &entries[i], err);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < n; i++) {
		trace_place(where, place, "manifests[%zu]", i);
		check_entry(w, where, &entries[i]);
		check_pairs(w, where, entries, n, i);
	}
	return 0;
}
