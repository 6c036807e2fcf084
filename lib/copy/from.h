/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a copy comes from: a layout, an archive of one, a dir: image, a registry. What has to be
 * copied begins at the roots.
 */
#ifndef FIRN_COPY_FROM_H
#define FIRN_COPY_FROM_H

#include "image/layout.h"
#include "remote/registry.h"

#include "firn/copy.h"

struct door;

struct from {
	struct ref ref;
	struct door *door;     /* owned; NULL: everything is as it is */
	struct layout *layout; /* NULL: another one of these */
	struct store *flat;    /* of a dir: image */
	struct registry *registry;
	struct store *store; /* borrowed from the layout, or flat; NULL: a registry */
	char *top;           /* what is there before anything is asked for by its digest, or NULL */
	size_t top_len;
	struct oci_descriptor top_desc;
};

int from_open(const char *source, const struct firn_registry_opts *how, struct from *ret,
	      struct firn_error *err) _must_check_;
void from_done(struct from *f);

/* An image to be copied, with the name that it has at the source. */
struct root {
	char *tag; /* NULL: none */
	struct oci_descriptor desc;
};

struct roots {
	struct root *list;
	size_t n;
};

/* The one image that the reference means. */
int from_root(struct from *f, struct roots *ret, struct firn_error *err) _must_check_;
/* Every image that has a name. */
int from_all(struct from *f, struct roots *ret, struct firn_error *err) _must_check_;
void roots_done(struct roots *r);

/* 1 when the source has it; @document: a manifest or an index. */
int from_has(struct from *f, const struct digest *d, bool document,
	     struct firn_error *err) _must_check_;
/* A manifest or index, proven. Caller frees. */
int from_document(struct from *f, const struct oci_descriptor *desc, char **ret, size_t *ret_len,
		  struct firn_error *err) _must_check_;
/* The bytes of a blob, unproven. Reading forwards costs nothing, a step back may. */
int from_blob(struct from *f, const struct digest *d, uint64_t size, struct source **ret,
	      struct firn_error *err) _must_check_;
/* Whether the source itself doesn't have it: it was made on the way (copy/door.h). */
bool from_is_made(const struct from *f, const struct digest *d);
/* door_take_blob(). */
struct blob_writer *from_take_blob(struct from *f, const struct digest *d);
/* Whether several blobs may be read at once. */
bool from_parallel(const struct from *f);

#endif
