/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One build on its way: ingest_open() makes its layers, ingest_members() reads the checkpoint once
 * and fills them, ingest_images() makes the images of them. Nothing that was written has a name yet
 * when all are done; firn_build() gives the names.
 */
#ifndef FIRN_INGEST_INGEST_H
#define FIRN_INGEST_INGEST_H

#include "ingest/blobs.h"
#include "ingest/delta.h"
#include "ingest/documents.h"
#include "ingest/engine.h"
#include "ingest/input.h"
#include "ingest/plain.h"

struct ingest {
	struct input *input; /* all three owned */
	struct base *base;   /* NULL: not given */
	struct layout *layout;
	struct store *store;   /* borrowed from layout */
	const char *container; /* name that the caller wants; may be NULL */
	bool digest;           /* record the input's */

	struct notes notes;
	struct facts facts;
	struct plain metadata, images;
	struct delta delta;
	struct deleted deleted;
	char *config; /* config.dump as it came, which is written last; NULL: none */
	size_t config_len;
	int64_t config_mtime;
	uint32_t config_mtime_ns;
	bool detected; /* facts.engine is known and the base was compared */
	bool has_diff, has_deleted, has_inventory;
	bool has_delta; /* something changed */
	/* When the images were made: the inventory's mtime. Nothing else knows a time. */
	char created[DOCUMENT_TIME_MAX];
	char arch[ORIGIN_TEXT_MAX];     /* of the checkpoint, in Go's spelling */
	char image_id[DIGEST_TEXT_MAX]; /* of R, if it is another image than the base; else "" */
	struct digest source;           /* alg 0: not wanted */

	struct blobs blobs;
	struct oci_descriptor index, checkpoint, rootfs; /* digest.alg 0: there is none */
};

void ingest_done(struct ingest *g);
int ingest_open(struct ingest *g, struct firn_error *err) _must_check_;
int ingest_members(struct ingest *g, struct firn_error *err) _must_check_;
int ingest_images(struct ingest *g, struct firn_error *err) _must_check_;

#endif
