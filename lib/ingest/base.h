/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The image that a container was made from: its layers become those of R, and its folders lend
 * their attributes to what an engine's delta leaves out.
 */
#ifndef FIRN_INGEST_BASE_H
#define FIRN_INGEST_BASE_H

#include "format/tree.h"
#include "image/image.h"
#include "locate/locate.h"

struct base {
	struct layout *layout;        /* NULL: it is in a registry */
	struct layout *opened;        /* the same if it was opened here, else NULL: borrowed */
	struct located located;       /* in a registry */
	struct store *store;          /* of one of them, borrowed */
	struct oci_descriptor target; /* what the reference names: an index or a manifest */
	struct image image;           /* the image in it for this host */
	struct tree *folders;         /* NULL until somebody asks */
};

/* @text is a reference to a layout or an oci-archive. */
int base_open(const char *text, struct base **ret, struct firn_error *err) _must_check_;
/* The same, or in a registry: then no more is read than is asked for. @registry may be NULL, which
 * is base_open(). */
int base_open_from(const char *text, const struct registry_opts *registry, struct base **ret,
		   struct firn_error *err) _must_check_;
/* The image @target of @layout, which is borrowed. */
int base_open_in(struct layout *layout, const struct oci_descriptor *target, struct base **ret,
		 struct firn_error *err) _must_check_;
struct base *base_free(struct base *b);
void base_freep(struct base **b);

/*
 * The folder that a container of the image sees at normalised @path, with the attributes of the
 * topmost layer that has it; *ret is NULL when there is none. The first call reads the headers of
 * all layers, which takes its time for compressed ones.
 */
int base_folder(struct base *b, const char *path, const struct node **ret,
		struct firn_error *err) _must_check_;

#endif
