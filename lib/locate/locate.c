/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a layout holds, and which of its entries is the checkpoint. */
#include "locate/locate.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "bytes/verify.h"
#include "format/checkpoint.h"
#include "format/ctr.h"
#include "locate/content.h"

#include <string.h>

#define INDEX_DEPTH_MAX 4 /* indexes in indexes, as image_pick() has it */

void locate_place_done(struct locate_place *p)
{
	layout_close(p->layout);
	store_close(p->own_store);
	layout_close(p->outer);
	store_close(p->outer_store);
	registry_close(p->registry);
	fd_close(p->fd);
	*p = (struct locate_place){ .fd = -1 };
}

void located_done(struct located *l)
{
	free(l->name);
	image_done(&l->image);
	oci_descriptor_done(&l->desc);
	json_decref(l->index);
	locate_place_done(&l->place);
	*l = (struct located)LOCATED_INIT;
}

/* Engines test one of these before they take an image for a checkpoint. */
static bool is_recognised(const json_t *manifest)
{
	return oci_annotation(manifest, PODMAN_RUNTIME_NAME) ||
	       oci_annotation(manifest, CRIO_NAME) ||
	       oci_annotation(manifest, ORG_CRIU_CONTAINER_NAME) ||
	       oci_annotation(manifest, ORG_CRIU_ENGINE_NAME);
}

static int find(struct located *l, const struct ref *ref, struct firn_error *err);
static int follow(struct located *l, unsigned flags, int nested, struct firn_error *err);

static void take_desc(struct located *l, const struct oci_descriptor *desc)
{
	struct oci_descriptor copy = *desc; /* of l->desc perhaps */

	json_incref(copy.json);
	oci_descriptor_done(&l->desc);
	l->desc = copy;
}

/* A layout in a layer is read in place: @src is the layer, which is taken. */
static int enter(struct located *l, struct source *src, bool packed, struct firn_error *err)
{
	struct locate_place in = { .fd = l->place.fd,
				   .packed = l->place.packed || packed,
				   .registry = l->place.registry };
	int rc = layout_open_source(src, "in the image", &in.layout, err);

	if (rc < 0)
		return rc;
	in.outer = l->place.layout;
	in.outer_store = l->place.own_store;
	in.store = layout_store(in.layout);
	l->place = in;
	oci_descriptor_done(&l->desc);
	return 0;
}

/* Takes @src; what it is decompressed is *ret: 1 when it was compressed. */
static int open_layer(struct source *src, const struct oci_descriptor *d,
		      const struct digest *diff_id, bool by_diff_id, bool prove,
		      struct source **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *owned = src;
	uint8_t head[CODEC_DETECT_BYTES];
	struct source *plain = NULL;
	enum codec c;
	ssize_t got;
	int rc = 0;

	if (src->size != d->size)
		return firn_fail(err, FIRN_ECORRUPT, "has %llu bytes, its descriptor says %llu",
				 (unsigned long long)src->size, (unsigned long long)d->size);
	got = source_pread(src, head, sizeof(head), 0, err);
	if (got < 0)
		return (int)got;
	c = codec_detect(head, (size_t)got);
	if (prove && (c == CODEC_NONE || !by_diff_id))
		rc = verify_source(src, &d->digest, err);
	if (rc >= 0 && c != CODEC_NONE)
		rc = codec_source(c, take_ptr(&owned), codec_believed(d->size), diff_id, &plain,
				  err);
	if (rc < 0)
		return rc;
	*ret = plain ? plain : take_ptr(&owned);
	return c != CODEC_NONE;
}

static int open_nested(struct located *l, const struct image *image, unsigned flags,
		       struct firn_error *err)
{
	const struct ref any = { .transport = REF_PATH };
	const struct oci_descriptor *layer = image->manifest.layers;
	const bool prove = flags & LOCATE_PROVE;
	struct source *src = NULL;
	int rc;

	if (image->manifest.nlayers != 1)
		return firn_fail(err, FIRN_EUNSUPP,
				 "an image of %zu layers has an OCI layout at its root; it can be "
				 "read from an image with one layer",
				 image->manifest.nlayers);
	if ((rc = store_open(l->place.store, &layer->digest, &src, err)) < 0)
		return rc;
	rc = open_layer(src, layer, prove ? &image->config.diff_ids[0] : NULL, l->by_diff_id, prove,
			&src, err);
	if (rc < 0)
		return firn_wrap(err, rc, "layer 0");
	if ((rc = enter(l, src, rc > 0, err)) < 0 || (rc = find(l, &any, err)) < 0)
		return rc;
	l->by_diff_id = false;
	return follow(l, flags, 1, err);
}

int locate_loaded(struct located *l, struct image *image, unsigned flags, int nested,
		  struct firn_error *err)
{
	_cleanup_(image_done) struct image img = *image;
	enum image_content content = IMAGE_CHECKPOINT;
	int rc = 0;

	*image = (struct image){ .desc = { .json = NULL } };
	if (oci_annotation(img.manifest.json, ORG_FIRN_ROLE)) {
		l->kind = LOCATED_OWN;
		take_desc(l, &img.desc);
		return 0;
	}
	if (!is_recognised(img.manifest.json))
		rc = content_look(l->place.store, &img, &content, err);
	if (rc < 0)
		return rc;
	if (content == IMAGE_CHECKPOINT) {
		l->kind = LOCATED_IMAGE;
		l->image = img;
		img = (struct image){ .desc = { .json = NULL } };
		return 0;
	}
	if (content == IMAGE_NOTHING)
		return firn_fail(err, FIRN_ECORRUPT,
				 "no checkpoint: the image has neither %s nor an OCI layout at its "
				 "root",
				 CHECKPOINT_SPEC);
	if (nested)
		return firn_fail(
		    err, FIRN_ELIMIT,
		    "an OCI layout in an image in an OCI layout in an image: that deep "
		    "is not looked");
	return open_nested(l, &img, flags, err);
}

static int follow_manifest(struct located *l, unsigned flags, int nested, struct firn_error *err)
{
	const struct digest digest = l->desc.digest;
	char text[DIGEST_TEXT_MAX];
	struct image image;
	int rc = image_load(l->place.store, &l->desc, &image, err);

	if (rc >= 0)
		rc = locate_loaded(l, &image, flags, nested, err);
	return firn_wrap(err, rc, "image %s", digest_text(&digest, text));
}

/* Who copies an image may drop the annotations of its index, but hardly those of the entries. */
static bool is_own(const struct oci_index *index)
{
	for (size_t i = 0; i < index->nmanifests; i++)
		if (oci_annotation(index->manifests[i].json, ORG_FIRN_ROLE))
			return true;
	return oci_annotation(index->json, ORG_FIRN_FORMAT) != NULL;
}

/* What an index' only entry is; of several images the one for this host. */
static int follow_index(struct located *l, unsigned flags, int nested, struct firn_error *err)
{
	struct image image;
	int rc;

	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		_cleanup_(oci_index_done) struct oci_index index = { 0 };

		rc = image_load_index(l->place.store, &l->desc, &index, err);
		if (rc < 0)
			return rc;
		if (is_own(&index) || ctr_is_checkpoint(&index)) {
			l->kind = is_own(&index) ? LOCATED_OWN : LOCATED_CTR;
			return 0;
		}
		if (index.nmanifests != 1)
			break;
		take_desc(l, &index.manifests[0]);
		if (!oci_is_index(l->desc.media_type))
			return follow_manifest(l, flags, nested, err);
	}
	rc = image_pick(l->place.store, &l->desc, &image, err);
	return rc < 0 ? rc : locate_loaded(l, &image, flags, nested, err);
}

/* Whether an entry of index.json says that it is a checkpoint, by what the documents alone say. */
static bool is_checkpoint(struct store *s, const struct oci_descriptor *d)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	_cleanup_(oci_index_done) struct oci_index index = { 0 };

	if (oci_is_index(d->media_type) && image_load_index(s, d, &index, NULL) == 0)
		return ctr_is_checkpoint(&index) || is_recognised(index.json);
	return oci_is_manifest(d->media_type) && image_load_manifest(s, d, &m, NULL) == 0 &&
	       is_recognised(m.json);
}

/* The only entry, or the one that is a checkpoint: there may be base images beside it. */
static int choose(struct layout *l, const struct oci_index *index, const struct ref *ref,
		  struct oci_descriptor *ret, struct firn_error *err)
{
	const struct oci_descriptor *found = NULL;

	for (size_t i = 0; index->nmanifests > 1 && i < index->nmanifests; i++) {
		const struct oci_descriptor *d = &index->manifests[i];

		if (found && digest_equal(&found->digest, &d->digest))
			continue; /* one image of two names */
		if (!is_checkpoint(layout_store(l), d))
			continue;
		if (found)
			return layout_resolve(l, ref, ret, err); /* which lists them */
		found = d;
	}
	if (!found)
		return layout_resolve(l, ref, ret, err);
	*ret = *found;
	json_incref(ret->json);
	return 0;
}

/* What @ref names; without a name index.json may be the checkpoint itself. */
static int find(struct located *l, const struct ref *ref, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc;

	if (ref->tag || ref->digest.alg)
		return layout_resolve(l->place.layout, ref, &l->desc, err);
	rc = layout_index(l->place.layout, &index, err);
	if (rc < 0)
		return firn_wrap(err, rc, "layout %s", layout_path(l->place.layout));
	if (!ctr_is_checkpoint(&index))
		return choose(l->place.layout, &index, ref, &l->desc, err);
	l->index = json_incref(index.json);
	return 0;
}

/* What find() found. */
static int follow(struct located *l, unsigned flags, int nested, struct firn_error *err)
{
	if (l->index) {
		l->kind = LOCATED_CTR;
		return 0;
	}
	if (oci_is_index(l->desc.media_type))
		return follow_index(l, flags, nested, err);
	return follow_manifest(l, flags, nested, err);
}

int locate_desc(struct located *l, unsigned flags, struct firn_error *err)
{
	return firn_wrap(err, follow(l, flags, 0, err), "%s", l->name);
}

int locate_named(struct located *l, const struct ref *ref, unsigned flags, struct firn_error *err)
{
	int rc;

	l->place.store = layout_store(l->place.layout);
	l->place.packed = layout_packed(l->place.layout);
	l->name = strdup(layout_path(l->place.layout));
	if (!l->name)
		return firn_fail_oom(err, "name");
	rc = find(l, ref, err);
	return rc < 0 ? rc : firn_wrap(err, follow(l, flags, 0, err), "%s", l->name);
}

/* The layout, which is taken. */
static int in_layout(struct layout *layout, const struct ref *ref, unsigned flags,
		     struct located *ret, struct firn_error *err)
{
	_cleanup_(located_done) struct located l = { .place = { .layout = layout, .fd = -1 } };
	int rc = locate_named(&l, ref, flags, err);

	if (rc < 0)
		return rc;
	*ret = l;
	l = (struct located)LOCATED_INIT;
	return 0;
}

int locate_ref(const struct ref *ref, unsigned flags, struct located *ret, struct firn_error *err)
{
	struct layout *l = NULL;
	int rc = layout_open_ref(ref, &l, err);

	return rc < 0 ? rc : in_layout(l, ref, flags, ret, err);
}

int locate_layout(const char *path, unsigned flags, struct located *ret, struct firn_error *err)
{
	const struct ref any = { .transport = REF_PATH };
	struct layout *l = NULL;
	int rc = layout_open(path, 0, &l, err);

	return rc < 0 ? rc : in_layout(l, &any, flags, ret, err);
}
