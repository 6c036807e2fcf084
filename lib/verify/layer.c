/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/contents.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "format/packed.h"
#include "format/tar.h"
#include "verify/verify.h"

#include <stdio.h>
#include <stdlib.h>

/* Each layer in a compressed archive costs a pass over what is before it. */
#define PACKED_LAYERS_MAX 256
#define DRAIN_BYTES       65536u

/* What passes is hashed; a failure of what it reads is remembered, apart from its reader's. */
struct tee {
	struct istream base;
	struct istream *in; /* owned */
	struct hasher *hasher;
	struct firn_error failed;
};

static ssize_t tee_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct tee *t = (struct tee *)in;
	const ssize_t got = istream_read(t->in, buf, n, &t->failed);
	int rc = got > 0 ? hasher_update(t->hasher, buf, (size_t)got, &t->failed) : 0;

	if (got >= 0 && rc == 0)
		return got;
	if (err)
		*err = t->failed;
	return got < 0 ? got : rc;
}

static void tee_close(struct istream *in)
{
	struct tee *t = (struct tee *)in;

	istream_close(t->in);
	hasher_free(t->hasher);
}

static void tee_done(struct tee *t)
{
	tee_close(&t->base);
}

/* The tar in @t to its end, and what is behind it. */
static int read_tar(struct findings *f, struct tee *t, const char *place, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	_free_ char *drain = malloc(DRAIN_BYTES);
	const struct tar_entry *entry;
	struct firn_error e = { 0 };
	ssize_t got = 1;
	int rc;

	if (!drain)
		return firn_fail_oom(err, "layer");
	rc = tar_open_stream(&t->base, NULL, &tar, &e);
	while (rc == 0 && (rc = tar_next(tar, &entry, &e)) > 0)
		rc = 0;
	while (!t->failed.code && got > 0)
		got = istream_read(&t->base, drain, DRAIN_BYTES, &e);
	if (t->failed.code)
		rc = findings_take(f, place, "bad-compression", -t->failed.code, &t->failed, err);
	else
		rc = findings_take(f, place, "bad-tar", rc, &e, err);
	return rc;
}

int contents_unpacked(struct findings *f, struct istream *in, int codec, uint64_t packed,
		      const char *place, const struct digest *diff_id, const char *diff_place,
		      struct firn_error *err)
{
	static const struct istream_ops ops = { tee_read, tee_close };
	_cleanup_(tee_done) struct tee t = { .base = { &ops } };
	const enum digest_alg alg = diff_id ? diff_id->alg : DIGEST_SHA256;
	char text[2][DIGEST_TEXT_MAX];
	struct digest is;
	int rc = codec_reader((enum codec)codec, in, codec_believed(packed), &t.in, err);

	if (rc < 0 || (rc = hasher_new(alg, &t.hasher, err)) < 0)
		return rc;
	rc = read_tar(f, &t, place, err);
	if (rc < 0 || t.failed.code || !diff_id)
		return rc < 0 ? rc : 0;
	rc = hasher_final(t.hasher, &is, err);
	if (rc == 0 && !digest_equal(&is, diff_id))
		findings_add(f, FINDING_FAULT, diff_place, "diff-id-differs",
			     "is %s, the layer unpacks to %s", digest_text(diff_id, text[0]),
			     digest_text(&is, text[1]));
	return rc;
}

/* What an index of its own is worth. */
static void tell_index(struct contents *c, const struct blob *blob, int kind, const char *place)
{
	const bool promised = blob->flags & BLOB_MOUNTABLE;

	if (kind == LAYER_FORGED)
		findings_add(c->findings, promised ? FINDING_FAULT : FINDING_WARNING, place,
			     "index-differs",
			     "its EROFS index is not what its tar headers make; it is mounted with "
			     "an index made of them");
}

static int check_packed(struct contents *c, const struct blob *blob, struct source *src, int codec,
			const char *place, struct firn_error *err)
{
	char config[BLOB_NAME_MAX], diff_place[BLOB_NAME_MAX + 32];
	struct firn_error e = { 0 };
	struct istream *in;
	int kind = packed_check(src, NULL, &e);
	int rc = findings_take(c->findings, place, "bad-compression", kind, &e, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	/* The promise is one of the plain form: whoever copies a layer may compress it. */
	tell_index(c, blob, kind, place);
	if (!(c->flags & VERIFY_DEEP))
		return 0;
	*diff_place = '\0';
	if (blob->flags & BLOB_DIFF_ID)
		snprintf(diff_place, sizeof(diff_place), "%s: diff_ids[%u]",
			 blob_name(&c->blobs->list[blob->config].digest, config), blob->layer);
	rc = istream_from_source(src, &in, err);
	return rc < 0 ? rc
		      : contents_unpacked(c->findings, in, codec, src->size, place,
					  blob->flags & BLOB_DIFF_ID ? &blob->diff_id : NULL,
					  diff_place, err);
}

/* The headers of an uncompressed tar of others. */
static int check_headers(struct source *src, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *entry;
	int rc = tar_open_source(src, NULL, &tar, err);

	while (rc == 0 && (rc = tar_next(tar, &entry, err)) > 0)
		rc = 0;
	return rc;
}

static int check_plain(struct contents *c, const struct blob *blob, struct source *src,
		       const char *place, struct firn_error *err)
{
	struct firn_error e = { 0 };
	int kind = layer_check(src, NULL, &e);
	int rc = findings_take(c->findings, place, "bad-tar", kind, &e, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	tell_index(c, blob, kind, place);
	if (kind == LAYER_FOREIGN && blob->flags & BLOB_MOUNTABLE)
		findings_add(c->findings, FINDING_FAULT, place, "index-missing",
			     "is said to be mountable and has no EROFS index");
	if (kind == LAYER_OURS)
		return 0;
	rc = check_headers(src, &e);
	rc = findings_take(c->findings, place, "bad-tar", rc, &e, err);
	return rc < 0 ? rc : 0;
}

static const char *packing(int codec)
{
	return codec == CODEC_NONE ? "not compressed" : codec_name((enum codec)codec);
}

int contents_layer(struct contents *c, const struct blob *blob, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	uint8_t head[CODEC_DETECT_BYTES];
	char place[BLOB_NAME_MAX];
	struct firn_error e = { 0 };
	ssize_t got = 0;
	int codec, rc;

	blob_name(&blob->digest, place);
	if (c->blobs->packed && c->layers++ == PACKED_LAYERS_MAX)
		findings_add(c->findings, FINDING_WARNING, "", "not-checked",
			     "has more than %d layers and is compressed: unpack it first",
			     PACKED_LAYERS_MAX);
	if (c->blobs->packed && c->layers > PACKED_LAYERS_MAX)
		return 0;
	rc = blobset_source(c->blobs, blob, &src, &e);
	if (rc == 0)
		got = source_pread(src, head, sizeof(head), 0, &e);
	if (rc < 0 || got < 0)
		return 0; /* contents_check() has told it */
	codec = (int)codec_detect(head, (size_t)got);
	if (codec != blob->codec)
		findings_add(c->findings, FINDING_FAULT, place, "wrong-compression",
			     "is %s, its media type says %s", packing(codec), packing(blob->codec));
	return codec == CODEC_NONE ? check_plain(c, blob, src, place, err)
				   : check_packed(c, blob, src, codec, place, err);
}
