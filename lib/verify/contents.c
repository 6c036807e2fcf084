/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/contents.h"

#include "base/fd.h"
#include "verify/verify.h"

#include <inttypes.h>
#include <stdlib.h>

#define PIECE   (256u << 10) /* bytes read at once */
#define REPORTS 200          /* times that progress is told */

static void report(struct contents *c, const struct digest *d)
{
	char name[BLOB_NAME_MAX];
	struct firn_progress p = { .what = name, .done = c->done, .total = c->total };

	if (!c->report || !c->report->progress)
		return;
	if (c->done < c->total && c->done - c->told < c->total / REPORTS)
		return;
	c->told = c->done;
	blob_name(d, name);
	c->report->progress(&p, c->report->ctx);
}

static int hash_all(struct contents *c, const struct blob *blob, struct source *src,
		    struct digest *ret, struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	_free_ char *piece = malloc(PIECE);
	int rc = hasher_new(blob->digest.alg, &h, err);

	if (!piece)
		return firn_fail_oom(err, "blob");
	for (uint64_t at = 0; rc == 0 && at < src->size;) {
		const uint64_t left = src->size - at;
		const size_t n = left < PIECE ? (size_t)left : PIECE;

		rc = source_read_at(src, piece, n, at, err);
		if (rc == 0)
			rc = hasher_update(h, piece, n, err);
		at += n;
		c->done += n;
		report(c, &blob->digest);
	}
	return rc < 0 ? rc : hasher_final(h, ret, err);
}

static int prove(struct contents *c, const struct blob *blob, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	char name[BLOB_NAME_MAX], text[DIGEST_TEXT_MAX];
	struct firn_error e = { 0 };
	struct digest is = { 0 };
	int rc = blobset_source(c->blobs, blob, &src, &e);

	blob_name(&blob->digest, name);
	if (rc == 0)
		rc = hash_all(c, blob, src, &is, &e);
	rc = findings_take(c->findings, name, "unreadable", rc, &e, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (!digest_equal(&is, &blob->digest))
		findings_add(c->findings, FINDING_FAULT, name, "digest-differs",
			     "its content is %s", digest_text(&is, text));
	return 0;
}

static bool wanted(const struct contents *c, const struct blob *blob)
{
	return c->all || blob->flags & BLOB_REACHED;
}

static int check_blob(struct contents *c, const struct blob *blob, struct firn_error *err)
{
	char name[BLOB_NAME_MAX];
	int rc = 0;

	if (c->orphans && !(blob->flags & BLOB_REACHED))
		findings_add(c->findings, FINDING_NOTE, blob_name(&blob->digest, name), "orphan",
			     "nothing leads to these %" PRIu64 " bytes", blob->size);
	if (!(blob->flags & BLOB_PROVEN))
		rc = prove(c, blob, err);
	if (rc == 0 && blob->flags & BLOB_LAYER)
		rc = contents_layer(c, blob, err);
	return rc;
}

/* By their places in the archive: of a compressed one no byte is unpacked twice for it. */
static int by_place(const void *va, const void *vb)
{
	const struct blob *const *a = va, *const *b = vb;

	return ((*a)->at > (*b)->at) - ((*a)->at < (*b)->at);
}

int contents_check(struct contents *c, struct firn_error *err)
{
	_free_ const struct blob **order = calloc(c->blobs->n + 1, sizeof(struct blob *));
	size_t n = 0;
	int rc = 0;

	if (!order)
		return firn_fail_oom(err, "blobs");
	for (size_t i = 0; i < c->blobs->n; i++) {
		const struct blob *blob = &c->blobs->list[i];

		if (!wanted(c, blob))
			continue;
		order[n++] = blob;
		if (!(blob->flags & BLOB_PROVEN))
			c->total += blob->size;
	}
	if (n && c->blobs->src)
		qsort(order, n, sizeof(*order), by_place);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = check_blob(c, order[i], err);
	return rc;
}
