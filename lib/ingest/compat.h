/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layer of C that lets an engine apply its own archive's delta, on the image that the container
 * was made from: rootfs-diff.tar and deleted.files as they came, and the recipe that makes the
 * whole archive again. Engines see the files at the root of the image; firn mounts R instead.
 *
 *	compat_begin() compat_put() ...   rootfs-diff.tar while somebody else reads it
 */
#ifndef FIRN_INGEST_COMPAT_H
#define FIRN_INGEST_COMPAT_H

#include "format/recipe.h"
#include "ingest/input.h"
#include "ingest/plain.h"

struct compat {
	struct plain files;
	struct recipe_writer *recipe; /* NULL: the input is no archive, or compat_finish() was */
};

/* Before the first member of @in is read, which feeds the recipe from then on. */
int compat_open(struct compat *c, const struct layer_dest *to, struct input *in,
		struct firn_error *err) _must_check_;
void compat_done(struct compat *c);

/* The recipe's own name can't be a member's as well. */
int compat_check_name(const char *path, struct firn_error *err) _must_check_;
int compat_begin(struct compat *c, const struct tar_entry *e, struct firn_error *err) _must_check_;
int compat_put(struct compat *c, const void *bytes, size_t n, struct firn_error *err) _must_check_;
/* A document of e->size bytes. */
int compat_add(struct compat *c, const struct tar_entry *e, const char *text,
	       struct firn_error *err) _must_check_;

/* After the last member: 1, or 0 when the layer has nothing in it. */
int compat_finish(struct compat *c, struct firn_error *err) _must_check_;

#endif
