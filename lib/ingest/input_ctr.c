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
#include "ingest/blob_input.h"
#include "ingest/engine.h"
#include "locate/ctr_parts.h"

#include <stdio.h>
#include <string.h>

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
	struct located at;
	struct digest digest; /* of the index */
	struct ctr_parts parts;
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
		return blob_input_tar(in->at.place.store, &wanted, &in->blob, err);
	if (s->desc)
		rc = blob_input_bytes(in->at.place.store, &wanted, &in->blob, err);
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
	int rc =
	    blob_input_headers(in->at.place.store, in->steps[in->nsteps - 1].desc, &images, err);

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
		*ret = ((struct ctr_input *)input)->digest;
	return 0;
}

static void ctr_close(struct input *input)
{
	struct ctr_input *in = (struct ctr_input *)input;

	blob_input_done(&in->blob);
	ctr_parts_done(&in->parts);
	free(in->steps);
	located_done(&in->at);
	free(in);
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

/* What this version knows nothing of is kept, too. */
static void add_unknown(struct ctr_input *in)
{
	char path[sizeof(in->steps->path)], hex[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < in->parts.index.nmanifests; i++) {
		const struct oci_descriptor *d = &in->parts.index.manifests[i];

		if (ctr_part_of(d->media_type) != CTR_NONE || oci_is_manifest(d->media_type) ||
		    oci_is_index(d->media_type))
			continue;
		snprintf(path, sizeof(path), "ctr/blobs/%s", digest_hex(&d->digest, hex));
		add_blob(in, path, d);
	}
}

static int add_steps(struct ctr_input *in, struct firn_error *err)
{
	static const enum ctr_part documents[] = { CTR_CONFIG, CTR_OPTIONS, CTR_RUNTIME_OPTIONS,
						   CTR_RUNTIME_NAME, CTR_RESOURCE };
	const struct ctr_parts *p = &in->parts;
	struct step *s;

	/* besides the entries: spec.dump and the index */
	in->steps = calloc(p->index.nmanifests + 2, sizeof(*in->steps));
	if (!in->steps)
		return firn_fail_oom(err, "index");
	s = add_step(in, CHECKPOINT_SPEC);
	s->bytes = p->spec;
	s->len = p->spec_len;
	s = add_step(in, CTR_INDEX_MEMBER);
	s->bytes = p->text;
	s->len = p->len;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
		add_blob(in, ctr_member(documents[i]), ctr_parts_find(p, documents[i]));
	add_unknown(in);
	add_blob(in, CHECKPOINT_ROOTFS, ctr_parts_find(p, CTR_DELTA));
	add_blob(in, CHECKPOINT_IMAGES_DIR, ctr_parts_find(p, CTR_IMAGES));
	in->steps[in->nsteps - 1].images = true;
	return 0;
}

static void learn(struct ctr_input *in)
{
	struct input_about *about = &in->about;

	about->engine = &engine_ctr;
	about->image_name = in->parts.image_name;
	if (in->at.place.layout && in->parts.base) {
		about->layout = in->at.place.layout;
		about->base = *in->parts.base;
	}
	in->input.about = about;
}

static int read_parts(struct ctr_input *in, struct firn_error *err)
{
	int rc = ctr_parts_read(&in->at, &in->parts, err);

	if (rc < 0)
		return rc;
	if (in->at.index)
		rc = digest_of(in->parts.text, in->parts.len, &in->digest, err);
	else
		in->digest = in->at.desc.digest;
	return rc < 0 ? rc : add_steps(in, err);
}

int input_open_ctr(struct located *l, struct input **ret, struct firn_error *err)
{
	static const struct input_ops ops = {
		.next = ctr_next,
		.payload = ctr_payload,
		.scan = ctr_scan,
		.finish = ctr_finish,
		.close = ctr_close,
	};
	struct ctr_input *in = calloc(1, sizeof(*in));
	_cleanup_(input_closep) struct input *owned = in ? &in->input : NULL;
	int rc;

	if (!in)
		return firn_fail_oom(err, "input");
	in->input.ops = &ops;
	in->at = *l;
	*l = (struct located)LOCATED_INIT;
	rc = read_parts(in, err);
	if (rc < 0)
		return rc;
	learn(in);
	*ret = take_ptr(&owned);
	return 0;
}
