/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/changeset.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/tar.h"

#include <stdio.h>

void changeset_done(struct changeset *c)
{
	blob_free(c->blob);
	*c = (struct changeset){ .blob = NULL };
}

/* Writes down what it reads. Both streams below live in changeset_take(). */
struct keeper {
	struct istream stream;
	struct istream *in; /* borrowed */
	struct blob_writer *blob;
	layer_out_watch *watch;
	void *ctx;
	uint64_t at;
};

static ssize_t keeper_read(struct istream *stream, void *buf, size_t n, struct firn_error *err)
{
	struct keeper *k = (struct keeper *)stream;
	const ssize_t got = istream_read(k->in, buf, n, err);
	int rc;

	if (got <= 0)
		return got;
	rc = blob_write(k->blob, buf, (size_t)got, err);
	if (rc < 0)
		return rc;
	if (k->watch)
		k->watch(CHECKPOINT_ROOTFS, buf, (size_t)got, k->at, k->ctx);
	k->at += (uint64_t)got;
	return got;
}

static void no_close(struct istream *stream)
{
	(void)stream;
}

struct hashing {
	struct istream stream;
	struct istream *in; /* borrowed */
	struct hasher *hasher;
};

static ssize_t hashing_read(struct istream *stream, void *buf, size_t n, struct firn_error *err)
{
	struct hashing *h = (struct hashing *)stream;
	const ssize_t got = istream_read(h->in, buf, n, err);
	int rc;

	if (got <= 0)
		return got;
	rc = hasher_update(h->hasher, buf, (size_t)got, err);
	return rc < 0 ? rc : got;
}

static uint64_t unpack_limit(uint64_t packed)
{
	uint64_t max;

	if (__builtin_mul_overflow(packed, CHANGESET_RATIO_MAX, &max))
		return UINT64_MAX;
	return max < CHANGESET_RATIO_FROM ? CHANGESET_RATIO_FROM : max;
}

static void make_unfit(struct changeset *c, const char *path, const char *why)
{
	char quoted[PATH_QUOTE_MAX];

	if (!c->unfit[0])
		snprintf(c->unfit, sizeof(c->unfit), "entry %s %s", path_quote(path, quoted), why);
}

static int apply(struct changeset *c, struct tree *t, const struct tar_entry *e,
		 struct firn_error *err)
{
	/* overlayfs takes it for a deletion; a tar says that in another way */
	if (S_ISCHR(e->mode) && e->major == 0 && e->minor == 0)
		make_unfit(c, e->path, "is a 0:0 device");
	return tar_apply(t, e, TAR_WHITEOUTS_FOREIGN, 1, 0, NULL, err);
}

/*
 * Folders that no entry describes would be mounted with made-up attributes, over those of the base;
 * the root alone is nobody's to describe (whoever mounts takes that of the layers below).
 */
static void judge(struct changeset *c, const struct tree *t)
{
	_free_ char *path = NULL;

	c->empty = t->count <= 1 && !t->root->opaque && t->root->implied;
	for (const struct node *n = tree_next(t, t->root); n; n = tree_next(t, n)) {
		if (!S_ISDIR(n->mode) || !n->implied)
			continue;
		make_unfit(c, tree_path(n, &path, NULL) < 0 ? "" : path, "has no description");
		return;
	}
}

static int check_tar(struct changeset *c, struct istream *in, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e = NULL;
	int rc = tar_open_stream(in, NULL, &tar, err);

	if (rc < 0 || (rc = tree_new(&tree, err)) < 0)
		return rc;
	if (tar_compressed(tar))
		return firn_fail(err, FIRN_ECORRUPT, "is compressed twice");
	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = apply(c, tree, e, err);
		if (rc < 0)
			return rc;
	}
	if (rc == 0)
		judge(c, tree);
	return rc;
}

/* Everything that can go wrong between the streams and the sealed blob. */
static int take(struct changeset *c, struct keeper *k, struct hashing *h, uint64_t size,
		struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *plain = NULL;
	int rc = codec_reader(c->codec, &k->stream, unpack_limit(size), &plain, err);

	if (rc < 0)
		return rc;
	h->in = plain;
	if ((rc = check_tar(c, &h->stream, err)) < 0 ||
	    (rc = hasher_final(h->hasher, &c->diff_id, err)) < 0)
		return rc;
	if (k->at != size)
		return firn_fail(err, FIRN_ECORRUPT, "ends early");
	return blob_seal(k->blob, &c->digest, &c->size, err);
}

int changeset_take(struct changeset *c, struct store *s, struct istream *in, uint64_t size,
		   enum codec codec, layer_out_watch *watch, void *ctx, struct firn_error *err)
{
	static const struct istream_ops keeper_ops = { keeper_read, no_close };
	static const struct istream_ops hashing_ops = { hashing_read, no_close };
	_cleanup_(blob_freep) struct blob_writer *blob = NULL;
	_cleanup_(hasher_freep) struct hasher *hasher = NULL;
	struct changeset new = { .codec = codec };
	struct keeper k = { .stream.ops = &keeper_ops, .in = in, .watch = watch, .ctx = ctx };
	struct hashing h = { .stream.ops = &hashing_ops };
	int rc;

	if ((rc = blob_new(s, 0, &blob, err)) < 0 ||
	    (rc = hasher_new(DIGEST_SHA256, &hasher, err)) < 0)
		return rc;
	k.blob = blob;
	h.hasher = hasher;
	rc = take(&new, &k, &h, size, err);
	if (rc < 0)
		return rc;
	new.blob = take_ptr(&blob);
	*c = new;
	return 0;
}

int changeset_source(struct changeset *c, struct source **ret, struct firn_error *err)
{
	return blob_source(c->blob, ret, err);
}
