/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The images of a layout, by what their manifests say: no layer is opened. */
#include "look/list.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/ctr.h"
#include "image/image.h"
#include "locate/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 65536 /* images within all indexes of firn's */

/* What is read of a layout. */
struct reading {
	struct list *list;
	struct store *store;
	const char *prefix;
	bool checkpoints;     /* nothing else is listed */
	struct digest *parts; /* C and R of indexes that were told already */
	size_t nparts, room;
};

static void reading_done(struct reading *r)
{
	free(r->parts);
}

static int note_part(struct reading *r, const struct digest *d, struct firn_error *err)
{
	struct digest *grown;

	if (r->nparts == PARTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d images", PARTS_MAX);
	if (r->nparts == r->room) {
		r->room = r->room ? 2 * r->room : 64;
		grown = reallocarray(r->parts, r->room, sizeof(*grown));
		if (!grown)
			return firn_fail_oom(err, "images");
		r->parts = grown;
	}
	r->parts[r->nparts++] = *d;
	return 0;
}

static int by_digest(const void *a, const void *b)
{
	return digest_compare(a, b);
}

static bool is_part(const struct reading *r, const struct digest *d)
{
	return r->nparts && bsearch(d, r->parts, r->nparts, sizeof(*r->parts), by_digest) != NULL;
}

/* Annotations that say the same, the first that is there. */
static const char *any(const json_t *doc, const char *const *keys)
{
	const char *text = NULL;

	for (; *keys && !text; keys++)
		text = oci_annotation(doc, *keys);
	return text;
}

static const char *engine_of(const json_t *doc)
{
	const char *engine = oci_annotation(doc, ORG_CRIU_ENGINE_NAME);

	if (engine)
		return engine;
	if (oci_annotation(doc, PODMAN_RUNTIME_NAME))
		return "Podman";
	return oci_annotation(doc, CRIO_NAME) ? "CRI-O" : NULL;
}

/* What the manifest of a checkpoint, or the index around it, tells. */
static void tell_words(struct reading *r, struct list_row *row, const json_t *doc)
{
	const struct locate_words words = locate_words(doc);
	const char *container = oci_annotation(doc, ORG_FIRN_CONTAINER);
	static const char *const runtimes[] = { ORG_CRIU_RUNTIME_NAME, PODMAN_RUNTIME_NAME, NULL };
	static const char *const ids[] = { ORG_CRIU_ROOTFS_IMAGE_ID, PODMAN_ROOTFS_IMAGE_ID,
					   CRIO_ROOTFS_IMAGE_ID, NULL };
	struct doc *d = r->list->doc;

	doc_add_text(d, row->value, "container", words.container ? words.container : container);
	doc_add_text(d, row->value, "pod", oci_annotation(doc, ORG_CRIU_POD_NAME));
	doc_add_text(d, row->value, "namespace", oci_annotation(doc, ORG_CRIU_POD_NAMESPACE));
	doc_add_text(d, row->value, "engine", engine_of(doc));
	doc_add_text(d, row->value, "runtime", any(doc, runtimes));
	doc_add_text(d, row->value, "image", words.image_name);
	doc_add_text(d, row->value, "base_id", any(doc, ids));
}

static uint64_t size_of(const struct oci_manifest *m)
{
	uint64_t sum = m->config.size;

	for (size_t i = 0; i < m->nlayers; i++)
		if (__builtin_add_overflow(sum, m->layers[i].size, &sum))
			return UINT64_MAX;
	return sum;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static void tell_image_size(struct reading *r, struct list_row *row, uint64_t size)
{
	doc_add_number(r->list->doc, row->value, "size", size);
}

/* The sizes of one container of firn's, and the words of the first. */
static int tell_container(struct reading *r, struct list_row *row,
			  const struct oci_descriptor *desc, const char *name, size_t k,
			  uint64_t *size, struct firn_error *err)
{
	_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };
	const json_t *rootfs;
	char text[DIGEST_TEXT_MAX];
	int rc = checkpoint_image_load(r->store, desc, name, &ci, err);

	if (rc < 0)
		return rc;
	rootfs = ci.rootfs.manifest.json;
	*size = add(*size, size_of(&ci.checkpoint.manifest));
	if ((rc = note_part(r, &ci.checkpoint.desc.digest, err)) < 0)
		return rc;
	if (rootfs) {
		*size = add(*size, size_of(&ci.rootfs.manifest));
		rc = note_part(r, &ci.rootfs.desc.digest, err);
	}
	if (rc < 0 || k)
		return rc;
	tell_words(r, row, ci.checkpoint.manifest.json);
	if (rootfs) {
		doc_add_text(r->list->doc, row->value, "base_digest",
			     oci_annotation(rootfs, OCI_BASE_DIGEST));
		doc_add_bool(r->list->doc, row->value, "external_base", ci.external_base);
		doc_add_text(r->list->doc, row->value, "rootfs",
			     digest_text(&ci.rootfs.desc.digest, text));
	}
	return 0;
}

/* @doc: the index or manifest. */
static int tell_own(struct reading *r, struct list_row *row, const struct oci_descriptor *desc,
		    const json_t *doc, struct firn_error *err)
{
	_cleanup_(checkpoint_names_done) struct checkpoint_names names = { 0 };
	struct doc *d = r->list->doc;
	uint64_t size = desc->size;
	int rc = checkpoint_image_names(r->store, desc, &names, err);

	for (size_t k = 0; rc >= 0 && k < names.n; k++)
		rc =
		    tell_container(r, row, desc, names.n > 1 ? names.list[k] : NULL, k, &size, err);
	if (rc < 0)
		return rc;
	list_time(r->list, row, oci_annotation(doc, OCI_CREATED), -1);
	tell_image_size(r, row, size);
	if (names.n > 1) {
		struct firn_value *list = doc_add_list(d, row->value, "containers");

		for (size_t k = 0; k < names.n; k++)
			doc_add_text(d, list, NULL, names.list[k]);
	}
	return 0;
}

static void tell_ctr(struct reading *r, struct list_row *row, const struct oci_index *index)
{
	static const char *const names[] = { OCI_REF_NAME, "image.name", NULL };
	uint64_t size = 0;

	doc_add_static(r->list->doc, row->value, "engine", "containerd");
	doc_add_text(r->list->doc, row->value, "image", any(index->json, names));
	for (size_t i = 0; i < index->nmanifests; i++)
		size = add(size, index->manifests[i].size);
	tell_image_size(r, row, size);
	list_time(r->list, row, oci_annotation(index->json, OCI_CREATED), -1);
}

static bool is_own(const struct oci_index *index)
{
	for (size_t i = 0; i < index->nmanifests; i++)
		if (oci_annotation(index->manifests[i].json, ORG_FIRN_ROLE))
			return true;
	return oci_annotation(index->json, ORG_FIRN_FORMAT) != NULL;
}

static const char *kind_of_index(const struct oci_index *index)
{
	return is_own(index) || ctr_is_checkpoint(index) ? "checkpoint" : "index";
}

static const char *kind_of_image(const json_t *manifest)
{
	const char *role = oci_annotation(manifest, ORG_FIRN_ROLE);

	if (role)
		return strcmp(role, ORG_FIRN_ROLE_CHECKPOINT) == 0 ? "checkpoint"
		       : strcmp(role, ORG_FIRN_ROLE_ROOTFS) == 0   ? "rootfs"
								   : "source";
	return engine_of(manifest) || oci_annotation(manifest, ORG_CRIU_CONTAINER_NAME)
		   ? "checkpoint"
		   : "image";
}

static int add_row(struct reading *r, const struct oci_descriptor *desc, const char *kind,
		   struct list_row **ret, struct firn_error *err)
{
	const char *tag = oci_annotation(desc->json, OCI_REF_NAME);
	char name[LIST_NAME_MAX + REF_TAG_MAX + DIGEST_TEXT_MAX], digest[DIGEST_TEXT_MAX];
	int rc;

	digest_text(&desc->digest, digest);
	snprintf(name, sizeof(name), "%s%.*s", r->prefix, REF_TAG_MAX, tag ? tag : digest);
	rc = list_add(r->list, name, kind, ret, err);
	if (rc < 0)
		return rc;
	doc_add_text(r->list->doc, (*ret)->value, "tag", tag);
	doc_add_text(r->list->doc, (*ret)->value, "digest", digest);
	return 0;
}

static int finish_row(struct reading *r, struct list_row *row, int rc, const struct firn_error *why,
		      struct firn_error *err)
{
	if (rc < 0)
		list_problem(r->list, row, why);
	return doc_check(r->list->doc, err);
}

static int list_index(struct reading *r, const struct oci_descriptor *desc, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	struct firn_error why = { 0 };
	struct list_row *row = NULL;
	int loaded = image_load_index(r->store, desc, &index, &why);
	int rc = add_row(r, desc, loaded < 0 ? "index" : kind_of_index(&index), &row, err);

	if (rc < 0)
		return rc;
	if (loaded >= 0 && is_own(&index))
		loaded = tell_own(r, row, desc, index.json, &why);
	else if (loaded >= 0 && ctr_is_checkpoint(&index))
		tell_ctr(r, row, &index);
	return finish_row(r, row, loaded, &why, err);
}

static int list_manifest(struct reading *r, const struct oci_descriptor *desc,
			 struct firn_error *err)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	struct firn_error why = { 0 };
	struct list_row *row = NULL;
	int loaded, rc;

	if (is_part(r, &desc->digest))
		return 0;
	loaded = image_load_manifest(r->store, desc, &m, &why);
	if (r->checkpoints && (loaded < 0 || strcmp(kind_of_image(m.json), "checkpoint") != 0))
		return 0;
	rc = add_row(r, desc, loaded < 0 ? "image" : kind_of_image(m.json), &row, err);
	if (rc < 0)
		return rc;
	if (loaded >= 0) {
		tell_words(r, row, m.json);
		tell_image_size(r, row, size_of(&m));
		list_time(r->list, row, oci_annotation(m.json, OCI_CREATED), -1);
	}
	return finish_row(r, row, loaded, &why, err);
}

/* A layout whose index.json is the checkpoint of ctr itself. */
static int list_inline(struct reading *r, const struct oci_index *index, struct firn_error *err)
{
	struct list_row *row;
	int rc = list_add(r->list, *r->prefix ? r->prefix : "index.json", "checkpoint", &row, err);

	if (rc >= 0)
		tell_ctr(r, row, index);
	return rc;
}

/* Indexes first: they tell which of the others are parts of theirs. */
static int list_entries(struct reading *r, const struct oci_index *index, struct firn_error *err)
{
	int rc = 0;

	if (ctr_is_checkpoint(index))
		return list_inline(r, index, err);
	for (size_t i = 0; rc >= 0 && i < index->nmanifests; i++)
		if (oci_is_index(index->manifests[i].media_type))
			rc = list_index(r, &index->manifests[i], err);
	if (r->nparts)
		qsort(r->parts, r->nparts, sizeof(*r->parts), by_digest);
	for (size_t i = 0; rc >= 0 && i < index->nmanifests; i++)
		if (!oci_is_index(index->manifests[i].media_type))
			rc = list_manifest(r, &index->manifests[i], err);
	return rc;
}

int list_index_of(struct list *l, struct store *store, const struct oci_index *index,
		  const char *prefix, bool checkpoints, struct firn_error *err)
{
	_cleanup_(reading_done) struct reading r = {
		.list = l, .store = store, .prefix = prefix, .checkpoints = checkpoints
	};

	return list_entries(&r, index, err);
}

int list_layout(struct list *l, const struct ref *ref, const char *prefix, struct firn_error *err)
{
	_cleanup_(reading_done) struct reading r = { .list = l, .prefix = prefix };
	_cleanup_(layout_closep) struct layout *layout = NULL;
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc = layout_open_ref(ref, &layout, err);

	if (rc < 0 || (rc = layout_index(layout, &index, err)) < 0)
		return rc;
	if (ref->tag || ref->digest.alg)
		return firn_fail(err, FIRN_EINVAL,
				 "a whole layout is listed: leave out the tag (firn inspect shows "
				 "one image)");
	r.store = layout_store(layout);
	return list_entries(&r, &index, err);
}
