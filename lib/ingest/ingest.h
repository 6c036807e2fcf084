/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One container on its way into a layout: ingest_open() makes its layers, ingest_members() reads
 * the checkpoint once and fills them, ingest_images() makes the images C and R of them. Nothing
 * that was written has a name yet when all are done; the batch it belongs to gives the names.
 */
#ifndef FIRN_INGEST_INGEST_H
#define FIRN_INGEST_INGEST_H

#include "format/pod.h"
#include "ingest/blobs.h"
#include "ingest/chain.h"
#include "ingest/changeset.h"
#include "ingest/compat.h"
#include "ingest/delta.h"
#include "ingest/documents.h"
#include "ingest/engine.h"
#include "ingest/input.h"
#include "ingest/input_podman.h"
#include "ingest/plain.h"

struct ingest {
	struct running *running; /* owned; NULL: the checkpoint is there, nobody has to make it */
	struct input *input;     /* owned */
	struct store *store;     /* borrowed, as all that have no owner named here */
	struct frame_pool *pool; /* that compresses the layers; NULL: nobody does */
	struct blobs *blobs;     /* get what was sealed */
	struct base *base;       /* given by the caller, or inside; NULL: there is none */
	struct base *inside;     /* the one that came with the checkpoint; owned */
	const char *container;   /* name that the caller wants; may be NULL */
	bool from_upper;         /* the changes are in the folder upper, owned, not in the input */
	int upper;
	const struct pod *pod;   /* what its pod's documents say; NULL: there are none */
	bool digest;             /* record the input's */
	bool keep_source;        /* the input itself, too */
	bool archive_delta;      /* engines are to take the delta out of C */
	const char *for_engine;  /* that has to be the maker; NULL: whoever it is */
	const char *rootfs_name; /* by which the engine will find R; NULL: by its ID */

	struct notes notes;
	struct facts facts;
	struct plain metadata, images;
	struct chain chain; /* what images builds on */
	uint64_t
	    zero_pages; /* of zeros, in the files of pages; means nothing if CRIU packed them */
	struct delta delta;
	struct changeset changeset; /* rootfs-diff.tar, if it came compressed and is the delta */
	struct deleted deleted;
	struct compat compat;
	char *config; /* config.dump as it came, which is written last; NULL: none */
	size_t config_len;
	int64_t config_mtime;
	uint32_t config_mtime_ns;
	bool detected; /* facts.engine is known and the base was compared */
	bool has_diff, has_deleted, has_inventory;
	bool has_delta; /* something changed */
	/* When the images were made: the inventory's mtime. Nothing else knows a time. */
	char created[DOCUMENT_TIME_MAX];
	char arch[ORIGIN_TEXT_MAX]; /* of the checkpoint, in Go's spelling */
	struct engine_names names;  /* of R */
	bool named;                 /* config.dump is to have them */
	struct digest source;       /* alg 0: not wanted */

	struct blob_writer *kept_blob;    /* the input's bytes while it is read; owned */
	struct oci_descriptor kept_layer; /* afterwards */

	struct oci_descriptor checkpoint, rootfs, kept; /* digest.alg 0: there is none */
	bool checkpoint_zstd, rootfs_zstd;              /* that have layers in zstd */
	uint64_t bytes;                                 /* payload of all new layers */
};

void ingest_done(struct ingest *g);
/* Free what is not needed once the images are made. */
void ingest_release(struct ingest *g);
/* Parts of reading members that ingest/diff.c needs too. */
int ingest_twice(const char *path, struct firn_error *err);
int ingest_read(struct ingest *g, const struct tar_entry *e, uint64_t max, char **ret,
		struct firn_error *err) _must_check_;
int ingest_open(struct ingest *g, struct firn_error *err) _must_check_;
int ingest_members(struct ingest *g, struct firn_error *err) _must_check_;
int ingest_images(struct ingest *g, struct firn_error *err) _must_check_;
/* What C and its index have both, or engines would know the one and not the other. */
int ingest_annotate(const struct ingest *g, json_t *to, struct firn_error *err) _must_check_;

#endif
