/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checkpoint image: what an engine's archive would hold, as the files of an image. */
#include "ingest/input_oci.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "ingest/blob_input.h"
#include "locate/cover.h"

#include <string.h>

#define SCAN_LAYERS_MAX 16 /* open at once for a look ahead; more of them are read without one */

struct image_input {
	struct input input;
	struct input_about about;
	struct located at; /* its image */
	struct cover cover;
	struct blob_input blob; /* the current layer */
	size_t left;            /* layers below it */
};

static int wrap_layer(const struct image_input *in, int rc, struct firn_error *err)
{
	return firn_wrap(err, rc, "layer %zu", in->left);
}

static int open_layer(struct image_input *in, struct firn_error *err)
{
	const size_t i = --in->left;
	const struct blob_wanted wanted = {
		.desc = &in->at.image.manifest.layers[i],
		.diff_id = &in->at.image.config.diff_ids[i],
		.by_diff_id = in->at.by_diff_id,
		.done = &in->input.done,
	};

	cover_descend(&in->cover);
	return blob_input_tar(in->at.place.store, &wanted, &in->blob, err);
}

/* 1 the next entry that is seen, 0 the end of this layer. */
static int next_seen(struct image_input *in, const struct tar_entry **ret, struct firn_error *err)
{
	const struct tar_entry *e = NULL;
	int rc;

	while ((rc = tar_next(in->blob.tar, &e, err)) > 0) {
		if (locate_is_furniture(e->path))
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

	for (size_t i = in->at.image.manifest.nlayers; rc >= 0 && i-- > 0;) {
		cover_descend(cover);
		while (rc >= 0 && (rc = tar_next(layers[i].tar, &e, err)) > 0) {
			rc = locate_is_furniture(e->path) ? 0 : cover_take(cover, e, err);
			if (rc > 0)
				rc = each(e, ctx, err);
		}
	}
	return rc < 0 ? rc : 1;
}

/* 1, or 0 when one of them can't be looked at. */
static int open_headers(struct image_input *in, struct blob_input *layers, struct firn_error *err)
{
	const struct oci_manifest *m = &in->at.image.manifest;
	int rc = m->nlayers <= SCAN_LAYERS_MAX;

	for (size_t i = 0; rc > 0 && i < m->nlayers; i++)
		rc = blob_input_headers(in->at.place.store, &m->layers[i], &layers[i], err);
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
		*ret = ((struct image_input *)input)->at.image.desc.digest;
	return 0;
}

static void image_close(struct input *input)
{
	struct image_input *in = (struct image_input *)input;

	blob_input_done(&in->blob);
	cover_done(&in->cover);
	located_done(&in->at);
	free(in);
}

int input_open_image(struct located *l, struct input **ret, struct firn_error *err)
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
	struct locate_words words;
	int rc;

	if (!in)
		return firn_fail_oom(err, "input");
	in->input.ops = &ops;
	in->at = *l;
	*l = (struct located)LOCATED_INIT;
	owned = &in->input;
	rc = cover_open(&in->cover, err);
	if (rc < 0)
		return rc;
	in->left = in->at.image.manifest.nlayers;
	for (size_t i = 0; i < in->left; i++)
		in->input.total += in->at.image.manifest.layers[i].size;
	words = locate_words(in->at.image.manifest.json);
	in->about.container = words.container;
	in->about.image_name = words.image_name;
	in->input.about = &in->about;
	*ret = take_ptr(&owned);
	return 0;
}
