/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has to be there for an image to be whole: every blob once, and every manifest and index
 * behind what it names. Made before a byte is written, so that what is missing or wrong in the
 * documents is found first, and the sum of all bytes is known.
 */
#ifndef FIRN_COPY_PLAN_H
#define FIRN_COPY_PLAN_H

#include "base/sip.h"
#include "copy/from.h"

#define PLAN_ITEMS_MAX (1u << 18)
#define PLAN_DEPTH_MAX 8 /* indexes inside each other, and subjects of subjects */

/* A repository that probably has a layer, as the manifest says
 * (org.opencontainers.image.base.name). */
struct base {
	const char *host, *repository; /* NULL: nobody knows one; borrowed from the plan */
};

struct item {
	struct digest digest;
	uint64_t size;
	struct base base;
	char *type; /* media type of a document; NULL: a blob */
	char *text; /* the document; NULL: too much to be kept, it is read again */
};

struct plan {
	struct item *items;
	size_t n, room;
	uint32_t *slots; /* of a hash table: positions in items, from 1 on */
	size_t nslots;
	struct sip_key salt; /* documents name any digests they like, of blobs that nobody has */
	struct ref *bases;   /* that items' bases borrow from */
	size_t nbases;
	uint64_t bytes;  /* of all items */
	size_t kept;     /* bytes of text */
	size_t nskipped; /* entries of indexes that the source doesn't have */
};

void plan_done(struct plan *p);

/* All that @desc leads to. @alone: without its subject. */
int plan_add(struct plan *p, struct from *f, const struct oci_descriptor *desc, bool alone,
	     struct firn_error *err) _must_check_;
/* The item for the blob, or with @document for the manifest, of this digest; NULL: there is none.
 */
const struct item *plan_find(const struct plan *p, const struct digest *d, bool document);

/* Its bytes, kept or read again; the caller frees @ret_owned. */
int plan_text(const struct item *i, struct from *f, const char **ret, char **ret_owned,
	      struct firn_error *err) _must_check_;

#endif
