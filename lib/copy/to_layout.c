/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into a layout. Its store's lock keeps firn gc away meanwhile. Large blobs get their names as soon
 * as they are proven, so that a copy that is begun again finds them; small ones wait for the
 * commit.
 */
#include "copy/to.h"

#include "base/fd.h"
#include "copy/partial.h"
#include "image/labels.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LARGE_BYTES (4u << 20)
#define WAITING_MAX 128 /* small blobs without a name: each holds a descriptor */

struct to_layout {
	struct to to;
	struct layout *layout;
	int fd; /* its folder */
	struct labels labels;
	pthread_mutex_t lock; /* of what follows */
	struct blob_writer *waiting[WAITING_MAX];
	size_t nwaiting;
};

static int name_waiting(struct to_layout *t, struct firn_error *err)
{
	int rc = store_publish(layout_store(t->layout), t->waiting, t->nwaiting, err);

	for (size_t i = 0; rc == 0 && i < t->nwaiting; i++)
		blob_free(t->waiting[i]);
	if (rc == 0)
		t->nwaiting = 0;
	return rc;
}

/* Takes @w, also on failure. */
static int add_waiting(struct to_layout *t, struct blob_writer *w, struct firn_error *err)
{
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	if (t->nwaiting == WAITING_MAX)
		rc = name_waiting(t, err);
	if (rc == 0)
		t->waiting[t->nwaiting++] = w;
	pthread_mutex_unlock(&t->lock);
	if (rc < 0)
		blob_free(w);
	return rc;
}

/* Takes @w, also on failure. */
static int keep(struct to_layout *t, struct blob_writer *w, uint64_t size, struct firn_error *err)
{
	int rc;

	if (size < LARGE_BYTES)
		return add_waiting(t, w, err);
	rc = blob_publish(w, err);
	blob_free(w);
	return rc < 0 ? rc : 0;
}

/* From a registry, where what is large can be gone on with, or made on the way. */
static int fetch(struct to_layout *t, const struct item *i, const struct store_watch *watch,
		 struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	char folder[sizeof("blobs/sha256")];
	int rc = 1;

	snprintf(folder, sizeof(folder), "blobs/%s", digest_alg_name(i->digest.alg));
	if (i->size >= LARGE_BYTES && i->digest.alg == DIGEST_SHA256 &&
	    !from_is_made(t->to.from, &i->digest))
		rc = partial_fetch(t->to.from, i, t->fd, folder, true, watch, err);
	if (rc <= 0)
		return rc;
	if ((rc = from_blob(t->to.from, &i->digest, i->size, &src, err)) < 0 ||
	    (rc = store_receive(layout_store(t->layout), &i->digest, src, watch, &w, err)) < 0)
		return rc;
	return keep(t, take_ptr(&w), i->size, err);
}

static int layout_has(struct to *to, const struct digest *d, uint64_t size, struct firn_error *err)
{
	uint64_t found;
	int rc = store_has(to->store, d, &found, err);

	return rc < 0 ? rc : rc > 0 && found == size;
}

/* 1 when there is nothing to do. */
static int is_there(struct to *to, const struct item *i, enum fate *ret_fate,
		    struct firn_error *err)
{
	int rc = layout_has(to, &i->digest, i->size, err);

	*ret_fate = rc > 0 ? FATE_PRESENT : FATE_COPIED;
	return rc;
}

static int layout_blob(struct to *to, const struct item *i, const struct store_watch *watch,
		       enum fate *ret_fate, struct firn_error *err)
{
	struct to_layout *t = (struct to_layout *)to;
	struct store *s = layout_store(t->layout);
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	int rc = is_there(to, i, ret_fate, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	w = from_take_blob(to->from, &i->digest);
	if (w)
		return keep(t, take_ptr(&w), i->size, err);
	if (to->from->registry || from_is_made(to->from, &i->digest))
		return fetch(t, i, watch, err);
	rc = store_fetch_watched(s, to->from->store, &i->digest, i->size, watch, &w, err);
	return rc < 0 ? rc : keep(t, take_ptr(&w), i->size, err);
}

static int layout_document(struct to *to, const struct item *i, const char *text,
			   enum fate *ret_fate, struct firn_error *err)
{
	struct to_layout *t = (struct to_layout *)to;
	struct store *s = layout_store(t->layout);
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	int rc = is_there(to, i, ret_fate, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = blob_of(s, &i->digest, text, (size_t)i->size, &w, err);
	return rc < 0 ? rc : add_waiting(t, take_ptr(&w), err);
}

/* Of a checkpoint image the checkpoint and the rootfs have names, too. */
static int label_root(struct to_layout *t, const struct root *r, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index image = { 0 };
	_free_ char *text = NULL;
	bool ours = false;
	size_t len;
	int rc;

	if (oci_is_index(r->desc.media_type)) {
		if ((rc = from_document(t->to.from, &r->desc, &text, &len, err)) < 0 ||
		    (rc = oci_index_parse(text, len, &image, err)) < 0)
			return rc;
		ours = oci_annotation(image.json, ORG_FIRN_FORMAT);
	}
	return labels_given(&t->labels, ours ? &image : NULL, r->tag, &r->desc, err);
}

static const struct oci_descriptor *find_tag(const struct oci_index *index, const char *tag)
{
	for (size_t i = 0; i < index->nmanifests; i++) {
		const char *has = oci_annotation(index->manifests[i].json, OCI_REF_NAME);

		if (has && strcmp(has, tag) == 0)
			return &index->manifests[i];
	}
	return NULL;
}

/* A name that is this image's already is no other's. */
static int check_taken(struct to_layout *t, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc = layout_index(t->layout, &index, err);

	for (size_t i = 0; rc == 0 && i < t->labels.n; i++) {
		const struct layout_entry *e = &t->labels.entries[i];
		const struct oci_descriptor *there = find_tag(&index, e->tag);

		if (there && !digest_equal(&there->digest, &e->desc->digest))
			return layout_check_tags(t->layout, e, 1, err);
	}
	return rc;
}

static int layout_check(struct to *to, const struct roots *roots, struct firn_error *err)
{
	struct to_layout *t = (struct to_layout *)to;
	int rc = 0;

	/* Names that were asked for come before those that are made of others. */
	for (size_t i = 0; rc == 0 && roots->n > 1 && i < roots->n; i++)
		rc = labels_given(&t->labels, NULL, roots->list[i].tag, &roots->list[i].desc, err);
	for (size_t i = 0; rc == 0 && i < roots->n; i++)
		rc = label_root(t, &roots->list[i], err);
	for (size_t i = 0; rc == 0 && i < t->labels.n; i++)
		rc = ref_check_tag(t->labels.entries[i].tag, err);
	return rc < 0 || to->force ? rc : check_taken(t, err);
}

/* Under the lock: somebody may have given these names to other images since they were looked at. */
static int settle_names(struct to_layout *t, const struct roots *roots, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc;

	if (!t->to.force)
		return check_taken(t, err);
	rc = layout_index(t->layout, &index, err);
	for (size_t i = 0; rc == 0 && i < roots->n; i++)
		rc = labels_replaced(&t->labels, layout_store(t->layout), &index,
				     roots->list[i].tag, &roots->list[i].desc.digest, err);
	return rc;
}

static int layout_finish(struct to *to, const struct roots *roots, struct firn_error *err)
{
	struct to_layout *t = (struct to_layout *)to;
	int rc = 0;

	partial_end(t->fd);
	/* Flushing takes its time: not under the lock. */
	for (size_t i = 0; rc == 0 && i < t->nwaiting; i++)
		rc = blob_flush(t->waiting[i], err);
	if (rc < 0 || (rc = layout_lock(t->layout, err)) < 0 ||
	    (rc = settle_names(t, roots, err)) < 0)
		return rc;
	return layout_commit(t->layout, t->waiting, t->nwaiting, t->labels.entries, t->labels.n,
			     true, err);
}

static void to_layout_close(struct to *to)
{
	struct to_layout *t = (struct to_layout *)to;

	for (size_t i = 0; i < t->nwaiting; i++)
		blob_free(t->waiting[i]);
	labels_done(&t->labels);
	fd_close(t->fd);
	layout_close(t->layout);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

int to_layout_open(const char *path, struct to **ret, struct firn_error *err)
{
	static const struct to_ops ops = {
		.check = layout_check,
		.has = layout_has,
		.blob = layout_blob,
		.document = layout_document,
		.finish = layout_finish,
		.close = to_layout_close,
		.parallel = true,
		.tag = TAG_NEEDED,
	};
	struct to_layout *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return firn_fail_oom(err, "layout");
	t->to.ops = &ops;
	t->fd = -1;
	pthread_mutex_init(&t->lock, NULL);
	rc = layout_open(path, LAYOUT_CREATE, &t->layout, err);
	if (rc == 0) {
		t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = t->fd < 0 ? firn_fail_errno(err, "open %s", path) : 0;
	}
	if (rc < 0) {
		to_layout_close(&t->to);
		return rc;
	}
	t->to.store = layout_store(t->layout);
	t->to.tmp = layout_path(t->layout);
	*ret = &t->to;
	return 0;
}
