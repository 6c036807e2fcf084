/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which kind of OCI content it is, and where in it the checkpoint lies. */
#include "ingest/input_oci.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "bytes/verify.h"
#include "format/checkpoint.h"
#include "format/ctr.h"
#include "format/docker_archive.h"
#include "image/docker.h"

#include <fcntl.h>
#include <string.h>

#define INDEX_DEPTH_MAX 4 /* indexes in indexes, as image_pick() has it */

void input_place_done(struct input_place *p)
{
	layout_close(p->layout);
	store_close(p->own_store);
	layout_close(p->outer);
	store_close(p->outer_store);
	fd_close(p->fd);
	*p = (struct input_place){ .fd = -1 };
}

int input_refuse_own(struct firn_error *err)
{
	return firn_fail(err, FIRN_EINVAL,
			 "is a checkpoint image that firn made already: mount or restore it as it "
			 "is, or have its archive again (firn export)");
}

/* Engines test one of these before they take an image for a checkpoint. */
static bool is_recognised(const json_t *manifest)
{
	return oci_annotation(manifest, PODMAN_RUNTIME_NAME) ||
	       oci_annotation(manifest, CRIO_NAME) ||
	       oci_annotation(manifest, ORG_CRIU_CONTAINER_NAME) ||
	       oci_annotation(manifest, ORG_CRIU_ENGINE_NAME);
}

/* The checkpoint in a layout. */
struct found {
	struct oci_descriptor desc;
	json_t *index; /* index.json, which is the checkpoint's own index; else NULL */
};

static void found_done(struct found *f)
{
	oci_descriptor_done(&f->desc);
	json_decref(f->index);
}

static int find(struct layout *l, const struct ref *ref, struct found *ret, struct firn_error *err);
static int open_found(struct input_place *place, const struct found *f, int nested,
		      struct input **ret, struct firn_error *err);

/* A layout in a layer is read in place: @src is the layer, proven as a whole. */
static int enter(struct input_place *place, struct source *src, struct firn_error *err)
{
	struct input_place in = { .fd = place->fd };
	int rc = layout_open_source(src, "in the image", &in.layout, err);

	if (rc < 0)
		return rc;
	in.outer = place->layout;
	in.outer_store = place->own_store;
	in.store = layout_store(in.layout);
	*place = in;
	return 0;
}

static int prove_layer(struct source *src, const struct oci_descriptor *d,
		       const struct digest *diff_id, bool by_diff_id, struct source **ret,
		       struct firn_error *err)
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
	if (c == CODEC_NONE || !by_diff_id)
		rc = verify_source(src, &d->digest, err);
	if (rc >= 0 && c != CODEC_NONE)
		rc = codec_source(c, take_ptr(&owned), codec_believed(d->size), diff_id, &plain,
				  err);
	if (rc < 0)
		return rc;
	*ret = plain ? plain : take_ptr(&owned);
	return 0;
}

static int open_nested(struct input_place *place, const struct image *image, bool by_diff_id,
		       struct input **ret, struct firn_error *err)
{
	_cleanup_(found_done) struct found found = { .index = NULL };
	const struct ref any = { .transport = REF_PATH };
	struct source *src = NULL;
	int rc;

	if (image->manifest.nlayers != 1)
		return firn_fail(err, FIRN_EUNSUPP,
				 "an image of %zu layers has an OCI layout at its root; it can be "
				 "read from an image with one layer",
				 image->manifest.nlayers);
	if ((rc = store_open(place->store, &image->manifest.layers[0].digest, &src, err)) < 0)
		return rc;
	rc = prove_layer(src, &image->manifest.layers[0], &image->config.diff_ids[0], by_diff_id,
			 &src, err);
	if (rc < 0)
		return firn_wrap(err, rc, "layer 0");
	if ((rc = enter(place, src, err)) < 0 || (rc = find(place->layout, &any, &found, err)) < 0)
		return rc;
	return open_found(place, &found, 1, ret, err);
}

/* Takes *@image, also on failure. */
static int open_loaded(struct input_place *place, struct image *image, bool by_diff_id, int nested,
		       struct input **ret, struct firn_error *err)
{
	_cleanup_(image_done) struct image img = *image;
	enum image_content content = IMAGE_CHECKPOINT;
	int rc = 0;

	*image = (struct image){ .desc = { .json = NULL } };
	if (oci_annotation(img.manifest.json, ORG_FIRN_ROLE))
		return input_refuse_own(err);
	if (!is_recognised(img.manifest.json))
		rc = input_image_look(place->store, &img, &content, err);
	if (rc < 0)
		return rc;
	if (content == IMAGE_CHECKPOINT)
		return input_open_image(place, &img, by_diff_id, ret, err);
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
	return open_nested(place, &img, by_diff_id, ret, err);
}

static int open_manifest(struct input_place *place, const struct oci_descriptor *desc, int nested,
			 struct input **ret, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	struct image image;
	int rc = image_load(place->store, desc, &image, err);

	if (rc >= 0)
		rc = open_loaded(place, &image, false, nested, ret, err);
	return firn_wrap(err, rc, "image %s", digest_text(&desc->digest, text));
}

/* What an index' only entry is; of several images the one for this host. */
static int open_index(struct input_place *place, const struct oci_descriptor *desc, int nested,
		      struct input **ret, struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor at = { .json = NULL };
	struct image image;
	int rc;

	at = *desc;
	json_incref(at.json);
	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		_cleanup_(oci_index_done) struct oci_index index = { 0 };

		rc = image_load_index(place->store, &at, &index, err);
		if (rc < 0)
			return rc;
		if (oci_annotation(index.json, ORG_FIRN_FORMAT))
			return input_refuse_own(err);
		if (ctr_is_checkpoint(&index))
			return input_open_ctr(place, &at, ret, err);
		if (index.nmanifests != 1)
			break;
		oci_descriptor_done(&at);
		at = index.manifests[0];
		json_incref(at.json);
		if (!oci_is_index(at.media_type))
			return open_manifest(place, &at, nested, ret, err);
	}
	rc = image_pick(place->store, &at, &image, err);
	return rc < 0 ? rc : open_loaded(place, &image, false, nested, ret, err);
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
static int find(struct layout *l, const struct ref *ref, struct found *ret, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc;

	if (ref->tag || ref->digest.alg)
		return layout_resolve(l, ref, &ret->desc, err);
	rc = layout_index(l, &index, err);
	if (rc < 0)
		return firn_wrap(err, rc, "layout %s", layout_path(l));
	if (!ctr_is_checkpoint(&index))
		return choose(l, &index, ref, &ret->desc, err);
	ret->index = json_incref(index.json);
	return 0;
}

static int open_found(struct input_place *place, const struct found *f, int nested,
		      struct input **ret, struct firn_error *err)
{
	if (f->index)
		return input_open_ctr_index(place, f->index, ret, err);
	if (oci_is_index(f->desc.media_type))
		return open_index(place, &f->desc, nested, ret, err);
	return open_manifest(place, &f->desc, nested, ret, err);
}

static int open_named(struct input_place *place, const struct ref *ref, struct input **ret,
		      struct firn_error *err)
{
	_cleanup_(found_done) struct found found = { .index = NULL };
	_free_ char *name = strdup(layout_path(place->layout));
	int rc;

	if (!name)
		return firn_fail_oom(err, "name");
	rc = find(place->layout, ref, &found, err);
	if (rc < 0)
		return rc;
	return firn_wrap(err, open_found(place, &found, 0, ret, err), "%s", name);
}

/* Takes *@l. */
static int open_in(struct layout **l, const struct ref *ref, struct input **ret,
		   struct firn_error *err)
{
	_cleanup_(input_place_done) struct input_place place = { .layout = take_ptr(l), .fd = -1 };

	place.store = layout_store(place.layout);
	return open_named(&place, ref, ret, err);
}

int input_open_ref(const struct ref *ref, struct input **ret, struct firn_error *err)
{
	struct layout *l = NULL;
	int rc = layout_open_ref(ref, &l, err);

	return rc < 0 ? rc : open_in(&l, ref, ret, err);
}

int input_open_layout(const char *path, struct input **ret, struct firn_error *err)
{
	const struct ref any = { .transport = REF_PATH };
	struct layout *l = NULL;
	int rc = layout_open(path, 0, &l, err);

	return rc < 0 ? rc : open_in(&l, &any, ret, err);
}

/* A source that has its descriptor for itself is what a layout in an archive needs. */
static int open_file(int fd, int *ret_fd, struct source **ret, struct firn_error *err)
{
	_fd_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int rc;

	if (own < 0)
		return firn_fail_errno(err, "open again");
	rc = source_from_fd(own, ret, err);
	if (rc >= 0)
		*ret_fd = take_fd(&own);
	return rc;
}

static int open_layout_archive(int fd, const char *name, struct input **ret, struct firn_error *err)
{
	_cleanup_(input_place_done) struct input_place place = { .fd = -1 };
	const struct ref any = { .transport = REF_PATH };
	struct source *src = NULL;
	int rc;

	if ((rc = open_file(fd, &place.fd, &src, err)) < 0 ||
	    (rc = layout_open_source(src, name, &place.layout, err)) < 0)
		return rc;
	place.store = layout_store(place.layout);
	return open_named(&place, &any, ret, err);
}

static int open_docker_archive(int fd, const char *name, struct input **ret, struct firn_error *err)
{
	_cleanup_(input_place_done) struct input_place place = { .fd = -1 };
	struct source *src = NULL;
	struct image image;
	int rc;

	rc = open_file(fd, &place.fd, &src, err);
	if (rc >= 0)
		rc = docker_open(src, &place.own_store, &image, err);
	place.store = place.own_store;
	if (rc >= 0)
		rc = open_loaded(&place, &image, true, 0, ret, err);
	return firn_wrap(err, rc, "docker-archive %s", name);
}

/* "oci-layout", "FOLDER/oci-layout" */
static bool is_layout_mark(const char *path)
{
	const char *slash = strchr(path, '/');

	return strcmp(slash ? slash + 1 : path, "oci-layout") == 0;
}

bool input_is_oci_member(const char *path)
{
	return is_layout_mark(path) || strcmp(path, "blobs") == 0 ||
	       strncmp(path, "blobs/sha256", 12) == 0;
}

enum kind { KIND_ENGINE, KIND_LAYOUT, KIND_DOCKER };

/*
 * By the names of the members, up to the first that decides. Whatever is broken is left for the one
 * who reads it to tell; an engine's archive is what is neither of the others.
 */
static enum kind look(struct source *src)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	enum kind kind = KIND_ENGINE;
	const struct tar_entry *e;

	if (tar_open_source(src, NULL, &tar, NULL) < 0)
		return KIND_ENGINE;
	while (tar_next(tar, &e, NULL) > 0) {
		if (checkpoint_classify(e->path) != CHECKPOINT_OTHER)
			return KIND_ENGINE;
		if (input_is_oci_member(e->path))
			return KIND_LAYOUT;
		if (strcmp(e->path, DOCKER_ARCHIVE_MANIFEST) == 0)
			kind = KIND_DOCKER;
	}
	return kind;
}

int input_open_archive(int fd, const char *name, struct input **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc = source_from_fd(fd, &src, err);

	if (rc < 0)
		return rc;
	switch (look(src)) {
	case KIND_LAYOUT:
		rc = open_layout_archive(fd, name, ret, err);
		break;
	case KIND_DOCKER:
		rc = open_docker_archive(fd, name, ret, err);
		break;
	default:
		return 0;
	}
	return rc < 0 ? rc : 1;
}
