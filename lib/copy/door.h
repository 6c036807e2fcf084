/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mountable layers change their form on the way: plain ones become compressed ones, or the other
 * way round (format/packed.h). Both have the same diff_id, so configs stay, and image IDs with
 * them. What names a layer by its digest changes, and what names that: manifests, subjects,
 * indexes. They come out as a build of the other form would have written them, and there and back
 * is the same.
 *
 * Before anything is copied the images are gone through and each layer is packed, into a file
 * without a name, unless it is known what it becomes and the destination has that. From then on the
 * source has the new blobs and documents, besides its own. Packed layers are not unpacked here, but
 * whenever they are read.
 *
 * Layers of a base image stay as they are there: they are another image's, whatever their form is.
 */
#ifndef FIRN_COPY_DOOR_H
#define FIRN_COPY_DOOR_H

#include "copy/from.h"

/* Whether the destination has the blob; what can't be known is none. */
typedef bool door_look(void *ctx, const struct digest *d, uint64_t size);

struct door_opts {
	bool unpack; /* instead of packing */
	bool prove;  /* what is unpacked, at once: nobody does it later */
	int level;   /* of packing; 0: the default */
	unsigned threads;
	struct store *into; /* where packed layers will be, and are made; NULL: it takes no such */
	const char *state;  /* folder for what is known of earlier runs; NULL: nothing */
	door_look *look;    /* may be NULL */
	void *ctx;          /* handed to it */
	const char *tmp;    /* folder for what is made; NULL: /var/tmp */
	const struct firn_report *report; /* may be NULL */
};

struct door;

/* Borrows all. @f must not have a door yet. */
int door_new(const struct door_opts *opts, struct from *f, struct door **ret,
	     struct firn_error *err) _must_check_;
struct door *door_free(struct door *d);

/* What the image @desc becomes, in its place. */
int door_take(struct door *d, struct oci_descriptor *desc, struct firn_error *err) _must_check_;

/*
 * The packed layer @digest as a sealed blob of opts.into, once, and only if it was made there; else
 * NULL. Each may be asked for by another thread.
 */
struct blob_writer *door_take_blob(struct door *d, const struct digest *digest);
/* Those that nobody took go, before opts.into is closed. */
void door_drop_blobs(struct door *d);

/* After that, for copy/from.c. Whether it was made here: */
bool door_has(struct door *d, const struct digest *digest);
int door_document(struct door *d, const struct oci_descriptor *desc, char **ret, size_t *ret_len,
		  struct firn_error *err) _must_check_;
int door_blob(struct door *d, const struct digest *digest, struct source **ret,
	      struct firn_error *err) _must_check_;

#endif
