/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/door_priv.h"

#include "base/fd.h"
#include "bytes/codec_frame.h"
#include "bytes/frames.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_became(const void *va, const void *vb)
{
	const struct became *a = va, *b = vb;

	if (a->document != b->document)
		return a->document ? 1 : -1;
	return digest_compare(&a->was, &b->was);
}

static int compare_unmade(const void *va, const void *vb)
{
	const struct unmade *a = va, *b = vb;

	return digest_compare(&a->is, &b->is);
}

/* Into one of the trees, unless there is one like it. */
static int add(void **tree, const void *what, size_t size,
	       int (*compare)(const void *a, const void *b), struct firn_error *err)
{
	void *copy = malloc(size), *const * there;

	if (copy)
		memcpy(copy, what, size);
	there = copy ? tsearch(copy, tree, compare) : NULL;
	if (!there || *there != copy)
		free(copy);
	return there ? 0 : firn_fail_oom(err, "layers");
}

const struct became *door_find(const struct door *d, const struct digest *was, bool document)
{
	const struct became key = { .was = *was, .document = document };
	void *const *found = tfind(&key, &d->became, compare_became);

	return found ? *found : NULL;
}

int door_remember(struct door *d, const struct became *b, struct firn_error *err)
{
	return add(&d->became, b, sizeof(*b), compare_became, err);
}

int door_remember_unmade(struct door *d, const struct unmade *u, struct firn_error *err)
{
	return add(&d->unmade, u, sizeof(*u), compare_unmade, err);
}

static const struct unmade *find_unmade(const struct door *d, const struct digest *is)
{
	const struct unmade key = { .is = *is };
	void *const *found = tfind(&key, &d->unmade, compare_unmade);

	return found ? *found : NULL;
}

bool door_is_bytes_fault(int rc)
{
	return rc == -FIRN_ECORRUPT || rc == -FIRN_EINVAL || rc == -FIRN_ELIMIT ||
	       rc == -FIRN_EUNSUPP;
}

void door_warn(const struct door *d, const struct digest *about, const char *why)
{
	const struct firn_report *r = d->opts.report;
	char text[DIGEST_TEXT_MAX + 128], name[DIGEST_TEXT_MAX];

	if (!r || !r->warn)
		return;
	snprintf(text, sizeof(text), "%s %s: it is copied as it is", digest_text(about, name), why);
	r->warn(text, r->ctx);
}

int door_new(const struct door_opts *opts, struct from *f, struct door **ret,
	     struct firn_error *err)
{
	const int level = opts->level ? opts->level : CODEC_LEVEL_DEFAULT;
	struct door *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return firn_fail_oom(err, "layers");
	d->opts = *opts;
	d->from = f;
	rc = store_spool_new(opts->tmp, &d->spool, err);
	if (rc == 0 && !opts->unpack)
		rc = frame_pool_new(level, opts->threads, &d->pool, err);
	if (rc < 0) {
		door_free(d);
		return rc;
	}
	if (opts->state && opts->look && d->pool)
		d->known = known_open(opts->state, level);
	*ret = d;
	return 0;
}

struct door *door_free(struct door *d)
{
	if (!d)
		return NULL;
	door_drop_blobs(d);
	tdestroy(d->became, free);
	tdestroy(d->unmade, free);
	store_close(d->spool);
	frame_pool_free(d->pool);
	known_close(d->known);
	free(d);
	return NULL;
}

static int replace(struct oci_descriptor *desc, const struct became *b, struct firn_error *err)
{
	struct oci_descriptor new = { .digest = b->is, .size = b->size };
	char text[DIGEST_TEXT_MAX];
	int rc = 0;

	memcpy(new.media_type, desc->media_type, sizeof(new.media_type));
	if (desc->json) {
		new.json = json_deep_copy(desc->json);
		if (!new.json)
			return firn_fail_oom(err, "image");
		json_object_del(new.json, "data");
		rc = json_put_str(new.json, "digest", digest_text(&b->is, text), err);
		if (rc == 0)
			rc = json_put(new.json, "size", json_integer((json_int_t)b->size), err);
		/* As it stood in an index; in index.json a build says nothing of it. */
		if (rc == 0 && (!b->zstd || oci_annotation(new.json, ORG_FIRN_ROLE)))
			rc = door_note_zstd(new.json, b->zstd, err);
	}
	if (rc < 0) {
		oci_descriptor_done(&new);
		return rc;
	}
	oci_descriptor_done(desc);
	*desc = new;
	return 0;
}

int door_take(struct door *d, struct oci_descriptor *desc, struct firn_error *err)
{
	struct became b;
	int rc = door_move(d, desc, 0, &b, err);

	return rc < 0 || !b.changed ? rc : replace(desc, &b, err);
}

static struct blob_writer **find_blob(struct door *d, const struct digest *digest)
{
	for (size_t i = 0; i < d->nblobs; i++)
		if (digest_equal(&d->digests[i], digest))
			return &d->blobs[i];
	return NULL;
}

struct blob_writer *door_take_blob(struct door *d, const struct digest *digest)
{
	struct blob_writer **found = find_blob(d, digest);

	return found ? take_ptr(found) : NULL;
}

void door_drop_blobs(struct door *d)
{
	for (size_t i = 0; i < d->nblobs; i++)
		d->blobs[i] = blob_free(d->blobs[i]);
	d->nblobs = 0;
}

bool door_has(struct door *d, const struct digest *digest)
{
	return find_unmade(d, digest) || find_blob(d, digest) ||
	       store_has(d->spool, digest, NULL, NULL) > 0;
}

int door_document(struct door *d, const struct oci_descriptor *desc, char **ret, size_t *ret_len,
		  struct firn_error *err)
{
	return store_read(d->spool, &desc->digest, desc->size, OCI_DOCUMENT_MAX, ret, ret_len, err);
}

int door_blob(struct door *d, const struct digest *digest, struct source **ret,
	      struct firn_error *err)
{
	const struct unmade *u = find_unmade(d, digest);
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	if (u && u->there)
		return firn_fail(
		    err, FIRN_EBUSY,
		    "was at the destination a moment ago, and isn't any more: try again");
	if (!u)
		return store_open(d->spool, digest, ret, err);
	if (store_has(d->spool, &u->packed, NULL, NULL) > 0)
		rc = store_open(d->spool, &u->packed, &src, err);
	else
		rc = from_blob(d->from, &u->packed, u->packed_size, &src, err);
	if (rc < 0 || (rc = frames_open(src, ret, err)) < 0)
		return rc;
	src = NULL; /* taken */
	return 0;
}
