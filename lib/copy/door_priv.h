/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FIRN_COPY_DOOR_PRIV_H
#define FIRN_COPY_DOOR_PRIV_H

#include "bytes/frame_pool.h"
#include "copy/door.h"
#include "copy/known.h"

/* What became of a document or layer. */
struct became {
	struct digest was; /* the key, with document */
	bool document;
	bool changed;
	bool zstd; /* of a document that has changed: has layers in zstd now */
	struct digest is;
	uint64_t size;
};

/* A layer of which nothing was made. */
struct unmade {
	struct digest is; /* the key */
	bool there;       /* the destination has it; else it is unpacked when it is read, from: */
	struct digest packed;
	uint64_t packed_size;
};

/* Each has a file open: the others are made in the spool. */
#define DOOR_BLOBS_MAX 64

struct door {
	struct door_opts opts;
	struct from *from;
	struct frame_pool *pool;
	struct store
	    *spool;   /* what was made, and packed layers that can't be read where they are */
	void *became; /* trees as tsearch() has them */
	void *unmade;
	struct known *known;
	struct blob_writer *blobs[DOOR_BLOBS_MAX]; /* sealed ones of opts.into; NULL: taken */
	struct digest digests[DOOR_BLOBS_MAX];     /* of them */
	size_t nblobs;
	/* The subject of the image at hand, as it was; "" when it stays so. Engines that look for
	 * it by that digest find it in config.dump. */
	char subject[DIGEST_TEXT_MAX];
};

/* NULL: nobody has asked for it yet. */
const struct became *door_find(const struct door *d, const struct digest *was, bool document);
int door_remember(struct door *d, const struct became *b, struct firn_error *err) _must_check_;
int door_remember_unmade(struct door *d, const struct unmade *u,
			 struct firn_error *err) _must_check_;
/* @rc, a failure, is one of the bytes that were read. */
bool door_is_bytes_fault(int rc);
void door_warn(const struct door *d, const struct digest *about, const char *why);

/* What an index says of an image that has such layers, or has none, in its entry. */
int door_note_zstd(json_t *entry, bool zstd, struct firn_error *err) _must_check_;

/* All that @desc leads to; *ret says what it is now. */
int door_move(struct door *d, const struct oci_descriptor *desc, int depth, struct became *ret,
	      struct firn_error *err) _must_check_;

/* Whether a layer of this type can be one that changes. */
bool door_wants(const struct door *d, const struct oci_descriptor *layer);
/* The type of those that have. */
const char *door_type(const struct door *d);
/* A layer of an image, as far as it is one to change. */
int door_layer(struct door *d, const struct oci_descriptor *desc, const struct digest *diff_id,
	       struct became *ret, struct firn_error *err) _must_check_;

#endif
