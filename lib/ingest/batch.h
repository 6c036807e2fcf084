/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one build puts into a layout: the images of one container or more and the index that holds
 * them together. The containers are read one after another; all names are given at the end, at
 * once.
 */
#ifndef FIRN_INGEST_BATCH_H
#define FIRN_INGEST_BATCH_H

#include "image/layout.h"
#include "ingest/ingest.h"

struct batch {
	struct layout *layout;       /* owned */
	struct frame_pool *pool;     /* that compresses the layers, owned; NULL: nobody does */
	struct blobs blobs;          /* of all containers, and of the index */
	struct oci_descriptor index; /* I; digest.alg 0 until batch_index() */
	struct ingest **containers;  /* owned */
	size_t ncontainers;
	/* Images that were asked for as a base, each opened once; owned. */
	struct batch_base {
		char *ref;
		struct base *base;
	} * bases;
	size_t nbases;
};

void batch_done(struct batch *b);

/* The image that the reference @ref names; borrowed from @b. */
int batch_base(struct batch *b, const char *ref, struct base **ret,
	       struct firn_error *err) _must_check_;

/* A container more, zero but for what it borrows from @b; borrowed from @b. */
int batch_add(struct batch *b, struct ingest **ret, struct firn_error *err) _must_check_;

/* Open the layout for all that was added: nothing is in it yet that was not there before. */
int batch_open_layout(struct batch *b, const char *path, struct firn_error *err) _must_check_;

/* The index of all containers, which have their images. */
int batch_index(struct batch *b, struct firn_error *err) _must_check_;

#endif
