/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gc/retain.h"

#include "base/buf.h"
#include "base/fd.h"
#include "format/rfc3339.h"
#include "gc/mark.h"

#include <string.h>

#define NO_TIME (-1) /* it doesn't say, or nothing that is one */

/* A checkpoint image, under whatever tags. */
struct kept {
	const struct oci_descriptor *desc; /* the first entry of index.json that has it */
	char *whose;                       /* pod and containers */
	int64_t created;                   /* seconds since the epoch, or NO_TIME */
	bool gone;
};

struct retain {
	const struct firn_gc_opts *opts;
	struct store *store;
	const struct oci_index *index;
	struct kept *list; /* each image once */
	size_t n;
	int64_t since; /* of keep_within */
};

static void retain_done(struct retain *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i].whose);
	free(r->list);
}

static bool is_ours(const struct oci_index *image)
{
	return oci_annotation(image->json, ORG_FIRN_FORMAT);
}

static void put_name(struct buf *b, const json_t *doc, const char *key)
{
	const char *text = oci_annotation(doc, key);

	/* What comes of hostile images is only compared. */
	buf_put(b, text ? text : "", strlen(text ? text : "") + 1);
}

/* 1, or 0 when it holds something without a name: that may be anything, and is nobody's next one.
 */
static int take_image(struct kept *k, const struct oci_index *image, struct firn_error *err)
{
	const char *created = oci_annotation(image->json, OCI_CREATED);
	_buf_ struct buf b = BUF_INIT;
	bool named = false;

	put_name(&b, image->json, ORG_CRIU_POD_NAMESPACE);
	put_name(&b, image->json, ORG_CRIU_POD_NAME);
	for (size_t i = 0; i < image->nmanifests; i++) {
		const json_t *m = image->manifests[i].json;
		const char *role = oci_annotation(m, ORG_FIRN_ROLE);

		if (!role || strcmp(role, ORG_FIRN_ROLE_CHECKPOINT) != 0)
			continue;
		if (!oci_annotation(m, ORG_FIRN_CONTAINER))
			return 0;
		put_name(&b, m, ORG_FIRN_CONTAINER);
		named = true;
	}
	if (!named)
		return 0;
	if (buf_check(&b, err) < 0)
		return -FIRN_ENOMEM;
	for (size_t i = 0; i < b.len; i++)
		if (!b.data[i])
			b.data[i] = '\n';
	k->whose = strndup((const char *)b.data, b.len);
	if (!k->whose)
		return firn_fail_oom(err, "images");
	if (!created || !rfc3339_parse(created, strlen(created), &k->created))
		k->created = NO_TIME;
	return 1;
}

static bool is_listed(const struct retain *r, const struct digest *d)
{
	for (size_t i = 0; i < r->n; i++)
		if (digest_equal(&r->list[i].desc->digest, d))
			return true;
	return false;
}

/* An image that can't be read, and one that doesn't say whose it is or when it was made, stay. */
static int list_images(struct retain *r, struct firn_error *err)
{
	r->list = calloc(r->index->nmanifests + 1, sizeof(*r->list));
	if (!r->list)
		return firn_fail_oom(err, "images");
	for (size_t i = 0; i < r->index->nmanifests; i++) {
		_cleanup_(oci_index_done) struct oci_index image = { 0 };
		const struct oci_descriptor *d = &r->index->manifests[i];
		int rc;

		if (!oci_is_index(d->media_type) || is_listed(r, &d->digest) ||
		    image_load_index(r->store, d, &image, NULL) < 0 || !is_ours(&image))
			continue;
		r->list[r->n].desc = d;
		rc = take_image(&r->list[r->n], &image, err);
		if (rc < 0)
			return rc;
		r->n += (size_t)rc;
	}
	return 0;
}

/*
 * Those of one container beside each other, the newest first. Of one second that is the one further
 * down in index.json.
 */
static int compare(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	const int whose = strcmp(x->whose, y->whose);
	const int when = (y->created > x->created) - (y->created < x->created);

	if (whose)
		return whose;
	return when ? when : (y->desc > x->desc) - (y->desc < x->desc);
}

/* The images [from, to) of one container. */
static int choose(struct retain *r, size_t from, size_t to, struct firn_error *err)
{
	const struct firn_gc_opts *o = r->opts;
	_cleanup_(marks_freep) struct marks *counted = NULL;
	int rc = o->max_bytes ? marks_new(true, &counted, err) : 0;

	for (size_t i = from; rc == 0 && i < to; i++) {
		struct kept *k = &r->list[i];
		const bool asked = o->keep_last || o->keep_within;
		const bool young = o->keep_within && k->created >= r->since;

		if (k->created == NO_TIME || i == from)
			k->gone = false;
		else
			k->gone = asked && i - from >= o->keep_last && !young;
		if (!o->max_bytes || k->gone)
			continue;
		rc = marks_add(counted, r->store, k->desc->json, err);
		k->gone = marks_bytes(counted) > o->max_bytes && i > from && k->created != NO_TIME;
	}
	return rc;
}

static int choose_all(struct retain *r, struct firn_error *err)
{
	int rc = 0;

	for (size_t from = 0, to; rc == 0 && from < r->n; from = to) {
		for (to = from + 1; to < r->n; to++)
			if (strcmp(r->list[to].whose, r->list[from].whose) != 0)
				break;
		rc = choose(r, from, to, err);
	}
	return rc;
}

static int find_tags(const struct retain *r, struct labels *ret, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->index->nmanifests; i++) {
		const struct oci_descriptor *d = &r->index->manifests[i];
		const char *tag = oci_annotation(d->json, OCI_REF_NAME);

		for (size_t k = 0; rc == 0 && tag && k < r->n; k++)
			if (r->list[k].gone && digest_equal(&r->list[k].desc->digest, &d->digest))
				rc = labels_gone(ret, r->store, r->index, tag, d, err);
	}
	return rc;
}

int retain_find(const struct firn_gc_opts *opts, struct store *s, const struct oci_index *index,
		int64_t now, struct labels *ret, struct firn_error *err)
{
	_cleanup_(retain_done) struct retain r = {
		.opts = opts,
		.store = s,
		.index = index,
		.since = (uint64_t)now > opts->keep_within ? now - (int64_t)opts->keep_within : 0,
	};
	int rc;

	if (!opts->keep_last && !opts->keep_within && !opts->max_bytes)
		return 0;
	rc = list_images(&r, err);
	if (rc < 0)
		return rc;
	if (r.n)
		qsort(r.list, r.n, sizeof(*r.list), compare);
	rc = choose_all(&r, err);
	return rc < 0 ? rc : find_tags(&r, ret, err);
}
