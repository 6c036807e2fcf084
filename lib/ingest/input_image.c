/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checkpoint image: what an engine's archive would hold, as the files of an image. */
#include "ingest/input_oci.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "ingest/blob_input.h"
#include "ingest/cover.h"

#include <string.h>

#define SCAN_LAYERS_MAX 16 /* open at once for a look ahead; more of them are read without one */

struct image_input {
	struct input input;
	struct input_about about;
	struct input_place place;
	struct image image;
	struct cover cover;
	struct blob_input blob; /* the current layer */
	size_t left;            /* layers below it */
	bool by_diff_id;
};

/* What engines and builders put into any container's root, in case it was not made from scratch. */
static bool is_furniture(const char *path)
{
	static const char *const names[] = { "dev", "etc", "proc", "run", "sys", ".dockerenv" };
	const size_t len = strcspn(path, "/");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && memcmp(path, names[i], len) == 0)
			return true;
	return false;
}

static int wrap_layer(const struct image_input *in, int rc, struct firn_error *err)
{
	return firn_wrap(err, rc, "layer %zu", in->left);
}

static int open_layer(struct image_input *in, struct firn_error *err)
{
	const size_t i = --in->left;
	const struct blob_wanted wanted = {
		.desc = &in->image.manifest.layers[i],
		.diff_id = &in->image.config.diff_ids[i],
		.by_diff_id = in->by_diff_id,
		.done = &in->input.done,
	};

	cover_descend(&in->cover);
	return blob_input_tar(in->place.store, &wanted, &in->blob, err);
}

/* 1 the next entry that is seen, 0 the end of this layer. */
static int next_seen(struct image_input *in, const struct tar_entry **ret, struct firn_error *err)
{
	const struct tar_entry *e = NULL;
	int rc;

	while ((rc = tar_next(in->blob.tar, &e, err)) > 0) {
		if (is_furniture(e->path))
			continue;
		rc = cover_take(&in->cover, e, err);
		if (rc == 0)
			continue;
		*ret = e;
		return rc;
	}
	return rc;
}

static int image_next(struct input *input, const struct tar_entry **ret, struct firn_error *err)
{
	struct image_input *in = (struct image_input *)input;
	int rc;

	for (;;) {
		rc = in->blob.tar ? next_seen(in, ret, err) : 0;
		if (rc != 0)
			return wrap_layer(in, rc, err);
		blob_input_done(&in->blob);
		if (in->left == 0)
			return 0;
		rc = open_layer(in, err);
		if (rc < 0)
			return wrap_layer(in, rc, err);
	}
}

/* As next_seen() of all layers would give them. */
static int scan_layers(struct image_input *in, struct blob_input *layers, struct cover *cover,
		       input_each *each, void *ctx, struct firn_error *err)
{
	const struct tar_entry *e = NULL;
	int rc = 0;

	for (size_t i = in->image.manifest.nlayers; rc >= 0 && i-- > 0;) {
		cover_descend(cover);
		while (rc >= 0 && (rc = tar_next(layers[i].tar, &e, err)) > 0) {
			rc = is_furniture(e->path) ? 0 : cover_take(cover, e, err);
			if (rc > 0)
				rc = each(e, ctx, err);
		}
	}
	return rc < 0 ? rc : 1;
}

/* 1, or 0 when one of them can't be looked at. */
static int open_headers(struct image_input *in, struct blob_input *layers, struct firn_error *err)
{
	const struct oci_manifest *m = &in->image.manifest;
	int rc = m->nlayers <= SCAN_LAYERS_MAX;

	for (size_t i = 0; rc > 0 && i < m->nlayers; i++)
		rc = blob_input_headers(in->place.store, &m->layers[i], &layers[i], err);
	return rc;
}

static int image_scan(struct input *input, input_each *each, void *ctx, struct firn_error *err)
{
	struct image_input *in = (struct image_input *)input;
	struct blob_input layers[SCAN_LAYERS_MAX] = { 0 };
	_cleanup_(cover_done) struct cover cover = { .layer = 0 };
	int rc = open_headers(in, layers, err);

	if (rc > 0) {
		rc = cover_open(&cover, err);
		if (rc == 0)
			rc = scan_layers(in, layers, &cover, each, ctx, err);
	}
	for (size_t i = 0; i < SCAN_LAYERS_MAX; i++)
		blob_input_done(&layers[i]);
	return rc;
}

static int image_payload(struct input *input, struct istream **ret, struct firn_error *err)
{
	return tar_payload(((struct image_input *)input)->blob.tar, ret, err);
}

static int image_finish(struct input *input, struct digest *ret, struct firn_error *err)
{
	(void)err;
	input->done = input->total;
	if (ret)
		*ret = ((struct image_input *)input)->image.desc.digest;
	return 0;
}

static void image_close(struct input *input)
{
	struct image_input *in = (struct image_input *)input;

	blob_input_done(&in->blob);
	cover_done(&in->cover);
	image_done(&in->image);
	input_place_done(&in->place);
	free(in);
}

/* The words of those who made the image, for a checkpoint whose documents lack them. */
static void learn(struct image_input *in)
{
	static const char *const names[] = { PODMAN_NAME, CRIO_NAME, ORG_CRIU_CONTAINER_NAME };
	static const char *const images[] = { PODMAN_ROOTFS_IMAGE_NAME, CRIO_ROOTFS_IMAGE_NAME,
					      ORG_CRIU_ROOTFS_IMAGE_NAME };
	const json_t *doc = in->image.manifest.json;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !in->about.container; i++)
		in->about.container = oci_annotation(doc, names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(images) && !in->about.image_name; i++)
		in->about.image_name = oci_annotation(doc, images[i]);
	in->input.about = &in->about;
}

int input_open_image(struct input_place *place, struct image *image, bool by_diff_id,
		     struct input **ret, struct firn_error *err)
{
	static const struct input_ops ops = {
		.next = image_next,
		.payload = image_payload,
		.scan = image_scan,
		.finish = image_finish,
		.close = image_close,
	};
	_cleanup_(input_closep) struct input *owned = NULL;
	struct image_input *in = calloc(1, sizeof(*in));
	int rc;

	if (!in) {
		image_done(image);
		input_place_done(place);
		return firn_fail_oom(err, "input");
	}
	in->input.ops = &ops;
	in->place = *place;
	in->image = *image;
	in->by_diff_id = by_diff_id;
	*place = (struct input_place){ .fd = -1 };
	*image = (struct image){ 0 };
	owned = &in->input;
	rc = cover_open(&in->cover, err);
	if (rc < 0)
		return rc;
	in->left = in->image.manifest.nlayers;
	for (size_t i = 0; i < in->left; i++)
		in->input.total += in->image.manifest.layers[i].size;
	learn(in);
	*ret = take_ptr(&owned);
	return 0;
}

static enum image_content content_of(const char *path)
{
	if (strcmp(path, CHECKPOINT_CONFIG) == 0 || strcmp(path, CHECKPOINT_SPEC) == 0 ||
	    strcmp(path, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY) == 0)
		return IMAGE_CHECKPOINT;
	return strcmp(path, "oci-layout") == 0 ? IMAGE_LAYOUT : IMAGE_NOTHING;
}

static int look_at_layer(struct store *s, const struct oci_descriptor *d, enum image_content *ret,
			 struct firn_error *err)
{
	const struct tar_limits limits = { .entries = BLOB_INPUT_FILES_MAX };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e = NULL;
	int rc;

	if ((rc = store_open(s, &d->digest, &src, err)) < 0 ||
	    (rc = tar_open_source(src, &limits, &tar, err)) < 0)
		return rc;
	while (!*ret && (rc = tar_next(tar, &e, err)) > 0)
		*ret = content_of(e->path);
	return rc < 0 ? rc : 0;
}

int input_image_look(struct store *s, const struct image *image, enum image_content *ret,
		     struct firn_error *err)
{
	enum image_content found = IMAGE_NOTHING;
	int rc = 0;

	for (size_t i = image->manifest.nlayers; rc >= 0 && !found && i-- > 0;)
		rc = firn_wrap(err, look_at_layer(s, &image->manifest.layers[i], &found, err),
			       "layer %zu", i);
	if (rc >= 0)
		*ret = found;
	return rc;
}
