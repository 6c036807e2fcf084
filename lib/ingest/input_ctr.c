/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The index of "ctr containers checkpoint" or "ctr tasks checkpoint", as an engine's archive would
 * be: spec.dump, checkpoint/, rootfs-diff.tar. The documents that say how it was made stay among
 * the metadata, in ctr/, so that the index could be made again.
 */
#include "ingest/input_oci.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/ctr.h"
#include "ingest/blob_input.h"
#include "ingest/engine.h"

#include <stdio.h>
#include <string.h>

#define CTR_BASE_NAME "image.name" /* annotation of "ctr tasks checkpoint" (client/task.go) */

/* A member, or the tar of CRIU's images, which is many. */
struct step {
	char path[sizeof("ctr/blobs/") + DIGEST_TEXT_MAX];
	const struct oci_descriptor *desc; /* of the blob it is; NULL: bytes */
	const char *bytes;
	size_t len;
	bool images;
};

struct ctr_input {
	struct input input;
	struct input_about about;
	struct input_place place;
	struct oci_descriptor desc;
	struct oci_index index;
	char *index_text, *config_text;
	struct step *steps;
	size_t nsteps, next;
	struct blob_input blob; /* of the current step */
	struct istream payload;
	struct tar_entry entry;
	char path[sizeof(CHECKPOINT_IMAGES_DIR) + 1 + PATH_MEMBER_MAX];
	char target[sizeof(CHECKPOINT_IMAGES_DIR) + 1 + PATH_MEMBER_MAX];
};

/* CRIU's logs are no images, wherever they lie. */
static char *member_path(const char *path, char *ret, size_t room)
{
	if (checkpoint_is_log(path))
		snprintf(ret, room, "%s", path);
	else
		snprintf(ret, room, CHECKPOINT_IMAGES_DIR "%s%s", *path ? "/" : "", path);
	return ret;
}

static void present(struct ctr_input *in, const struct tar_entry *e, const struct tar_entry **ret)
{
	in->entry = *e;
	in->entry.path = member_path(e->path, in->path, sizeof(in->path));
	if (e->hardlink)
		in->entry.target = member_path(e->target, in->target, sizeof(in->target));
	*ret = &in->entry;
}

/* What nobody asked for has to be right as well. */
static int leave(struct ctr_input *in, struct firn_error *err)
{
	char rest[4096];
	ssize_t got = in->blob.bytes && !in->blob.tar ? 1 : 0;

	while (got > 0)
		got = istream_read(in->blob.bytes, rest, sizeof(rest), err);
	blob_input_done(&in->blob);
	return (int)got;
}

/* 1 with a member, 0 when the step is CRIU's images and goes on. */
static int begin(struct ctr_input *in, const struct step *s, const struct tar_entry **ret,
		 struct firn_error *err)
{
	const struct blob_wanted wanted = { .desc = s->desc, .done = &in->input.done };
	int rc = 0;

	if (s->images)
		return blob_input_tar(in->place.store, &wanted, &in->blob, err);
	if (s->desc)
		rc = blob_input_bytes(in->place.store, &wanted, &in->blob, err);
	if (rc < 0)
		return rc;
	snprintf(in->path, sizeof(in->path), "%s", s->path);
	in->entry = (struct tar_entry){
		.path = in->path,
		.mode = S_IFREG | 0600,
		.size = s->desc ? s->desc->size : s->len,
	};
	*ret = &in->entry;
	return 1;
}

static int ctr_next(struct input *input, const struct tar_entry **ret, struct firn_error *err)
{
	struct ctr_input *in = (struct ctr_input *)input;
	const struct tar_entry *e = NULL;
	int rc = 0;

	while (rc == 0) {
		if (in->blob.tar && (rc = tar_next(in->blob.tar, &e, err)) > 0) {
			present(in, e, ret);
			return rc;
		}
		if (rc < 0 || (rc = leave(in, err)) < 0)
			break;
		if (in->next == in->nsteps)
			return 0;
		rc = begin(in, &in->steps[in->next++], ret, err);
	}
	if (rc < 0)
		return firn_wrap(err, rc, "%s",
				 in->steps[in->next - 1].images ? "CRIU images"
								: in->steps[in->next - 1].path);
	return rc;
}

/* CRIU's images are all that is worth a look ahead. */
static int ctr_scan(struct input *input, input_each *each, void *ctx, struct firn_error *err)
{
	struct ctr_input *in = (struct ctr_input *)input;
	_cleanup_(blob_input_done) struct blob_input images = { .src = NULL };
	const struct tar_entry *e = NULL;
	int rc = blob_input_headers(in->place.store, in->steps[in->nsteps - 1].desc, &images, err);

	if (rc <= 0)
		return rc;
	while ((rc = tar_next(images.tar, &e, err)) > 0) {
		present(in, e, &e);
		rc = each(e, ctx, err);
		if (rc < 0)
			break;
	}
	return rc < 0 ? rc : 1;
}

static ssize_t payload_read(struct istream *stream, void *buf, size_t n, struct firn_error *err)
{
	struct ctr_input *in =
	    (struct ctr_input *)((char *)stream - offsetof(struct ctr_input, payload));

	return istream_read(in->blob.bytes, buf, n, err);
}

static void payload_close(struct istream *stream)
{
	(void)stream; /* lives in its ctr_input */
}

static int ctr_payload(struct input *input, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { payload_read, payload_close };
	struct ctr_input *in = (struct ctr_input *)input;
	const struct step *s = &in->steps[in->next - 1];

	if (in->blob.tar)
		return tar_payload(in->blob.tar, ret, err);
	if (!s->desc)
		return istream_from_mem(s->bytes, s->len, ret, err);
	in->payload.ops = &ops;
	*ret = &in->payload;
	return 0;
}

static int ctr_finish(struct input *input, struct digest *ret, struct firn_error *err)
{
	(void)err;
	input->done = input->total;
	if (ret)
		*ret = ((struct ctr_input *)input)->desc.digest;
	return 0;
}

static void ctr_close(struct input *input)
{
	struct ctr_input *in = (struct ctr_input *)input;

	blob_input_done(&in->blob);
	oci_index_done(&in->index);
	oci_descriptor_done(&in->desc);
	free(in->index_text);
	free(in->config_text);
	free(in->steps);
	input_place_done(&in->place);
	free(in);
}

static const struct oci_descriptor *find(const struct ctr_input *in, enum ctr_part part)
{
	for (size_t i = 0; i < in->index.nmanifests; i++)
		if (ctr_part_of(in->index.manifests[i].media_type) == part)
			return &in->index.manifests[i];
	return NULL;
}

static struct step *add_step(struct ctr_input *in, const char *path)
{
	struct step *s = &in->steps[in->nsteps++];

	snprintf(s->path, sizeof(s->path), "%s", path);
	return s;
}

static void add_blob(struct ctr_input *in, const char *path, const struct oci_descriptor *d)
{
	if (!d)
		return;
	add_step(in, path)->desc = d;
	in->input.total += d->size;
}

static int add_spec(struct ctr_input *in, struct firn_error *err)
{
	const struct oci_descriptor *d = find(in, CTR_CONFIG);
	size_t len = 0, spec_len = 0;
	const char *spec = NULL;
	struct step *s;
	int rc;

	if (!d)
		return firn_fail(err, FIRN_ECORRUPT,
				 "has no runtime configuration of the container");
	if ((rc = store_read(in->place.store, &d->digest, d->size, CTR_DOCUMENT_MAX,
			     &in->config_text, &len, err)) < 0 ||
	    (rc = ctr_spec(in->config_text, len, &spec, &spec_len, err)) < 0)
		return firn_wrap(err, rc, "runtime configuration");
	s = add_step(in, CHECKPOINT_SPEC);
	s->bytes = spec;
	s->len = spec_len;
	return 0;
}

/* One thing cannot be there twice; the base is no part, but there is one of it as well. */
static int check_once(const struct ctr_input *in, struct firn_error *err)
{
	bool seen[CTR_DELTA + 1] = { false }, *twice;

	for (size_t i = 0; i < in->index.nmanifests; i++) {
		const char *type = in->index.manifests[i].media_type;
		const enum ctr_part part = ctr_part_of(type);

		if (part == CTR_NONE && !oci_is_manifest(type) && !oci_is_index(type))
			continue;
		twice = &seen[part];
		if (*twice)
			return firn_fail(err, FIRN_ECORRUPT, "has two %s",
					 part == CTR_NONE ? "base images" : type);
		*twice = true;
	}
	if (seen[CTR_PREDUMP])
		return firn_fail(err, FIRN_EUNSUPP, "pre-dumps can't be taken by this version");
	if (!seen[CTR_IMAGES])
		return firn_fail(
		    err, FIRN_ECORRUPT,
		    "no checkpoint: has no CRIU images (ctr checkpoints a process only "
		    "with --task)");
	return 0;
}

/* What this version knows nothing of is kept, too. */
static void add_unknown(struct ctr_input *in)
{
	char path[sizeof(in->steps->path)], hex[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < in->index.nmanifests; i++) {
		const struct oci_descriptor *d = &in->index.manifests[i];

		if (ctr_part_of(d->media_type) != CTR_NONE || oci_is_manifest(d->media_type) ||
		    oci_is_index(d->media_type))
			continue;
		snprintf(path, sizeof(path), "ctr/blobs/%s", digest_hex(&d->digest, hex));
		add_blob(in, path, d);
	}
}

static int add_steps(struct ctr_input *in, size_t index_len, struct firn_error *err)
{
	static const enum ctr_part documents[] = { CTR_CONFIG, CTR_OPTIONS, CTR_RUNTIME_OPTIONS,
						   CTR_RUNTIME_NAME, CTR_RESOURCE };
	struct step *s;
	int rc = check_once(in, err);

	if (rc < 0)
		return rc;
	/* besides the entries: spec.dump and the index */
	in->steps = calloc(in->index.nmanifests + 2, sizeof(*in->steps));
	if (!in->steps)
		return firn_fail_oom(err, "index");
	rc = add_spec(in, err);
	if (rc < 0)
		return rc;
	s = add_step(in, CTR_INDEX_MEMBER);
	s->bytes = in->index_text;
	s->len = index_len;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
		add_blob(in, ctr_member(documents[i]), find(in, documents[i]));
	add_unknown(in);
	add_blob(in, CHECKPOINT_ROOTFS, find(in, CTR_DELTA));
	add_blob(in, CHECKPOINT_IMAGES_DIR, find(in, CTR_IMAGES));
	in->steps[in->nsteps - 1].images = true;
	return 0;
}

static void learn(struct ctr_input *in)
{
	struct input_about *about = &in->about;

	about->engine = &engine_ctr;
	about->image_name = oci_annotation(in->index.json, OCI_REF_NAME);
	if (!about->image_name)
		about->image_name = oci_annotation(in->index.json, CTR_BASE_NAME);
	for (size_t i = 0; in->place.layout && i < in->index.nmanifests; i++) {
		const struct oci_descriptor *d = &in->index.manifests[i];

		if (oci_is_manifest(d->media_type) || oci_is_index(d->media_type)) {
			about->layout = in->place.layout;
			about->base = *d;
		}
	}
	in->input.about = about;
}

static int parse_index(struct ctr_input *in, size_t len, struct firn_error *err)
{
	int rc;

	if ((rc = oci_index_parse(in->index_text, len, &in->index, err)) < 0 ||
	    (rc = add_steps(in, len, err)) < 0)
		return rc;
	learn(in);
	return 0;
}

/* Takes *@place, also on failure. */
static struct ctr_input *new_input(struct input_place *place)
{
	static const struct input_ops ops = {
		.next = ctr_next,
		.payload = ctr_payload,
		.scan = ctr_scan,
		.finish = ctr_finish,
		.close = ctr_close,
	};
	struct ctr_input *in = calloc(1, sizeof(*in));

	if (in) {
		in->input.ops = &ops;
		in->place = *place;
		*place = (struct input_place){ .fd = -1 };
	} else {
		input_place_done(place);
	}
	return in;
}

int input_open_ctr(struct input_place *place, const struct oci_descriptor *desc, struct input **ret,
		   struct firn_error *err)
{
	struct ctr_input *in = new_input(place);
	_cleanup_(input_closep) struct input *owned = in ? &in->input : NULL;
	char text[DIGEST_TEXT_MAX];
	size_t len = 0;
	int rc;

	if (!in)
		return firn_fail_oom(err, "input");
	in->desc = *desc;
	in->desc.json = json_incref(desc->json);
	rc = store_read(in->place.store, &desc->digest, desc->size, OCI_DOCUMENT_MAX,
			&in->index_text, &len, err);
	if (rc >= 0)
		rc = parse_index(in, len, err);
	if (rc < 0)
		return firn_wrap(err, rc, "ctr checkpoint %s", digest_text(&desc->digest, text));
	*ret = take_ptr(&owned);
	return 0;
}

int input_open_ctr_index(struct input_place *place, const json_t *index, struct input **ret,
			 struct firn_error *err)
{
	struct ctr_input *in = new_input(place);
	_cleanup_(input_closep) struct input *owned = in ? &in->input : NULL;
	_buf_ struct buf text = BUF_INIT;
	size_t len;
	int rc;

	if (!in)
		return firn_fail_oom(err, "input");
	if ((rc = json_print(index, &text, err)) < 0 ||
	    (rc = digest_of(text.data, text.len, &in->desc.digest, err)) < 0)
		return rc;
	len = in->desc.size = text.len;
	in->index_text = buf_steal(&text);
	if (!in->index_text)
		return firn_fail_oom(err, "index.json");
	rc = parse_index(in, len, err);
	if (rc < 0)
		return firn_wrap(err, rc, "index.json");
	*ret = take_ptr(&owned);
	return 0;
}
