/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One layer. What it says of itself counts for nothing: it is ours when all of its index is. */
#include "copy/door_priv.h"

#include "base/fd.h"
#include "bytes/frames.h"
#include "bytes/verify.h"
#include "copy/repack.h"
#include "format/checkpoint.h"
#include "format/erofs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX (1u << 20) /* bytes of a config.dump that are looked at */
#define LOOK_BYTES 8192u      /* at the beginning, before all of a layer is fetched */

static const char forged[] = "has an index that is not that of its tar";

bool door_wants(const struct door *d, const struct oci_descriptor *layer)
{
	const char *type = d->opts.unpack ? OCI_LAYER_ZSTD : OCI_LAYER;

	return strcmp(layer->media_type, type) == 0 && layer->digest.alg == DIGEST_SHA256;
}

const char *door_type(const struct door *d)
{
	return d->opts.unpack ? OCI_LAYER : OCI_LAYER_ZSTD;
}

static bool plain_begins(struct source *src)
{
	static const uint8_t magic[] = { 0xe2, 0xe1, 0xf5, 0xe0 };
	uint8_t have[sizeof(magic)];

	return src->size > LAYER_HEAD_BYTES &&
	       source_read_at(src, have, sizeof(have), EROFS_SUPER_AT, NULL) == 0 &&
	       memcmp(have, magic, sizeof(have)) == 0;
}

/* As @src with the bytes that are in memory. */
struct beginning {
	struct source base;
	size_t n;
	uint8_t bytes[LOOK_BYTES];
};

static ssize_t beginning_pread(struct source *src, void *buf, size_t n, uint64_t at,
			       struct firn_error *err)
{
	const struct beginning *b = (struct beginning *)src;

	(void)err;
	if (at >= b->n)
		return 0;
	if (n > b->n - at)
		n = (size_t)(b->n - at);
	memcpy(buf, b->bytes + at, n);
	return (ssize_t)n;
}

/* Whether it is worth a closer look; -FIRN_ENOTFOUND when it isn't there. */
static int begins(const struct door *d, struct source *src, struct firn_error *err)
{
	static const struct source_ops ops = { beginning_pread, NULL };
	struct beginning b = { .base = { .ops = &ops, .size = src->size } };
	const ssize_t got = source_pread(src, b.bytes, sizeof(b.bytes), 0, err);

	if (got < 0)
		return (int)got;
	b.n = (size_t)got;
	return d->opts.unpack ? packed_begins(&b.base) : plain_begins(&b.base);
}

/* What can't be read at any place where it is. */
static int bring_here(struct door *d, const struct oci_descriptor *desc, struct source *src,
		      struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	int rc = store_receive(d->spool, &desc->digest, src, NULL, &w, err);

	return rc < 0 ? rc : blob_publish(w, err);
}

/* 1 and the layer if it may be one to change. */
static int open_layer(struct door *d, const struct oci_descriptor *desc, struct source **ret,
		      struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	struct source *again;
	int rc = from_blob(d->from, &desc->digest, desc->size, &src, err);

	if (rc == 0)
		rc = begins(d, src, err);
	/* Whether that is a fault is for the plan to say. */
	if (rc <= 0)
		return rc == -FIRN_ENOTFOUND ? 0 : rc;
	if (!d->from->registry && from_parallel(d->from)) {
		*ret = take_ptr(&src);
		return 1;
	}
	source_close(src);
	src = NULL;
	if ((rc = from_blob(d->from, &desc->digest, desc->size, &src, err)) < 0 ||
	    (rc = bring_here(d, desc, src, err)) < 0 ||
	    (rc = store_open(d->spool, &desc->digest, &again, err)) < 0)
		return rc;
	*ret = again;
	return 1;
}

/* Whether the file says that digest. */
static bool says(const struct node *n, struct source *plain, const char *digest)
{
	_free_ char *text = NULL;
	const size_t size = (size_t)n->size;

	if (!S_ISREG(n->mode) || n->size > CONFIG_MAX || !(text = malloc(size + 1)) ||
	    source_read_at(plain, text, size, n->offset, NULL) < 0)
		return false;
	return memmem(text, size, digest, strlen(digest));
}

/* With its digest the rootfs image loses a name that is in a layer, which stays. */
static void warn_of_name(const struct door *d, const struct tree *tree, struct source *plain)
{
	const struct firn_report *r = d->opts.report;
	const struct node *config = *d->subject ? tree_find(tree, CHECKPOINT_CONFIG) : NULL;
	char text[DIGEST_TEXT_MAX + 192];

	if (!config || !r || !r->warn || !says(config, plain, d->subject))
		return;
	snprintf(text, sizeof(text),
		 "config.dump names the rootfs image by the digest that it no longer has, %s: an "
		 "engine that looks for it so needs a checkpoint that was built in this form",
		 d->subject);
	r->warn(text, r->ctx);
}

/* Tells of a layer as it is read. */
struct telling {
	const struct firn_report *report; /* NULL: nobody listens */
	char what[32];
	uint64_t done, told, total;
};

static int on_read(uint64_t n, void *ctx, struct firn_error *err)
{
	struct telling *t = ctx;
	struct firn_progress step = { .what = t->what, .total = t->total };

	(void)err;
	t->done += n;
	if (!t->report || (t->done < t->total && t->done - t->told < t->total / 64))
		return 0;
	t->told = step.done = t->done;
	t->report->progress(&step, t->report->ctx);
	return 0;
}

static int wrong_content(const struct digest *got, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return firn_fail(err, FIRN_ECORRUPT, "its content is %s", digest_text(got, text));
}

/* Takes @w, also on failure. */
static int keep_blob(struct door *d, struct blob_writer *w, bool in_spool, struct firn_error *err)
{
	int rc = 0;

	if (in_spool) {
		rc = blob_publish(w, err);
		blob_free(w);
		return rc < 0 ? rc : 0;
	}
	d->digests[d->nblobs] = *blob_digest(w);
	d->blobs[d->nblobs++] = w;
	return 0;
}

static int pack_tree(struct door *d, const struct oci_descriptor *desc, struct source *src,
		     struct tree *tree, struct became *ret, struct firn_error *err)
{
	const struct firn_report *r = d->opts.report;
	struct telling t = { .report = r && r->progress ? r : NULL, .total = src->size };
	const struct store_watch watch = { on_read, &t };
	const bool in_spool = !d->opts.into || d->nblobs == DOOR_BLOBS_MAX;
	struct packed_out_result made;
	char text[DIGEST_TEXT_MAX];
	int rc;

	snprintf(t.what, sizeof(t.what), "zstd %.19s", digest_text(&desc->digest, text));
	rc = repack(src, tree, d->pool, in_spool ? d->spool : d->opts.into, &watch, &made, err);
	if (rc < 0)
		return rc;
	if (!digest_equal(&made.plain, &desc->digest)) {
		blob_free(made.blob);
		return wrong_content(&made.plain, err);
	}
	rc = keep_blob(d, made.blob, in_spool, err);
	if (rc < 0)
		return rc;
	known_add(d->known, &desc->digest, &made.digest, made.size);
	ret->is = made.digest;
	ret->size = made.size;
	ret->changed = true;
	return 0;
}

static int pack(struct door *d, const struct oci_descriptor *desc, struct source *src,
		struct became *ret, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	int rc = layer_check(src, &tree, err);

	if (door_is_bytes_fault(rc))
		rc = LAYER_FORGED;
	if (rc == LAYER_FORGED)
		door_warn(d, &desc->digest, forged);
	if (rc != LAYER_OURS)
		return rc < 0 ? rc : 0;
	warn_of_name(d, tree, src);
	return pack_tree(d, desc, src, tree, ret, err);
}

/* Takes @src, also on failure. */
static int unpack(struct door *d, const struct oci_descriptor *desc, const struct digest *diff_id,
		  struct source *src, struct became *ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *packed = src, *plain = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	const struct unmade u = {
		.is = *diff_id,
		.packed = desc->digest,
		.packed_size = desc->size,
	};
	int rc = packed_check(packed, &tree, err);

	if (rc == LAYER_FORGED)
		door_warn(d, &desc->digest, forged);
	if (rc != LAYER_OURS)
		return rc < 0 ? rc : 0;
	if ((rc = frames_open(packed, &plain, err)) < 0)
		return rc;
	packed = NULL; /* taken */
	warn_of_name(d, tree, plain);
	if (d->opts.prove && (rc = verify_source(plain, diff_id, err)) < 0)
		return rc;
	ret->is = *diff_id;
	ret->size = plain->size;
	ret->changed = true;
	return door_remember_unmade(d, &u, err);
}

/* 1 when it need not be packed. */
static int is_there(struct door *d, const struct oci_descriptor *desc, struct became *ret,
		    struct firn_error *err)
{
	struct unmade u = { .there = true };
	uint64_t size;
	int rc;

	if (!known_find(d->known, &desc->digest, &u.is, &size) ||
	    !d->opts.look(d->opts.ctx, &u.is, size))
		return 0;
	rc = door_remember_unmade(d, &u, err);
	if (rc < 0)
		return rc;
	ret->is = u.is;
	ret->size = size;
	ret->changed = true;
	return 1;
}

static int change(struct door *d, const struct oci_descriptor *desc, const struct digest *diff_id,
		  struct became *ret, struct firn_error *err)
{
	struct source *src = NULL;
	int rc = is_there(d, desc, ret, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = open_layer(d, desc, &src, err);
	if (rc <= 0)
		return rc;
	if (d->opts.unpack) {
		rc = unpack(d, desc, diff_id, src, ret, err);
	} else {
		rc = pack(d, desc, src, ret, err);
		source_close(src);
	}
	/* An unpacked one is read again. */
	if (!ret->changed || !d->opts.unpack)
		store_spool_drop(d->spool, &desc->digest);
	return rc;
}

static int wrong_id(const struct digest *diff_id, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return firn_fail(err, FIRN_ECORRUPT, "has not the diff_id that its config says, %s",
			 digest_text(diff_id, text));
}

static int take(struct door *d, const struct oci_descriptor *desc, const struct digest *diff_id,
		struct became *ret, struct firn_error *err)
{
	const struct became *known = door_find(d, &desc->digest, false);
	struct became b = { .was = desc->digest, .is = desc->digest, .size = desc->size };
	int rc = 0;

	if (known)
		b = *known;
	else
		rc = change(d, desc, diff_id, &b, err);
	if (rc < 0 || (!known && (rc = door_remember(d, &b, err)) < 0))
		return rc;
	if (b.changed && !digest_equal(d->opts.unpack ? &b.is : &b.was, diff_id))
		return wrong_id(diff_id, err);
	*ret = b;
	return 0;
}

int door_layer(struct door *d, const struct oci_descriptor *desc, const struct digest *diff_id,
	       struct became *ret, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	int rc = take(d, desc, diff_id, ret, err);

	return firn_wrap(err, rc, "layer %s", digest_text(&desc->digest, text));
}
