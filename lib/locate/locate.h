/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which kind of OCI content something is, and where in it the checkpoint lies: an image that firn
 * made, a checkpoint image of others (files at the root of an image) or the index of "ctr
 * checkpoint" (format/ctr.h); in a layout, an oci-archive, a docker-archive, or in a layout that is
 * itself what an image's only layer holds, in a registry. Documents are proven by their digests;
 * layers and parts are for whoever reads them to prove.
 */
#ifndef FIRN_LOCATE_LOCATE_H
#define FIRN_LOCATE_LOCATE_H

#include "format/ref.h"
#include "image/image.h"
#include "remote/registry.h"

#define LOCATE_FILES_MAX (1u << 18) /* entries of a layer: dumps have some hundred */

/* Where the content lies; owned but for store. Closed in the order of the members. */
struct locate_place {
	struct store *store;   /* borrowed from layout, or own_store */
	struct layout *layout; /* NULL: there is none, the base can't be in it */
	struct store *own_store;
	struct layout *outer; /* of the image that holds layout in a layer */
	struct store *outer_store;
	struct registry *registry; /* that own_store or outer_store is of; NULL: of none */
	int fd;                    /* of the file that all of it is in; -1: none */
	/* All of it is inside of something compressed: every step back costs a pass. */
	bool packed;
};

void locate_place_done(struct locate_place *p);

enum located_kind {
	LOCATED_OWN,   /* an image of firn's: desc, in place.layout */
	LOCATED_IMAGE, /* image */
	LOCATED_CTR,   /* desc, or index when that is no blob but a layout's index.json */
};

struct located {
	enum located_kind kind;
	char *name; /* of the layout or archive, for messages */
	struct locate_place place;
	struct image image;
	bool by_diff_id; /* its layers' digests are their diff_ids (image/docker.h) */
	struct oci_descriptor desc;
	json_t *index;
};

#define LOCATED_INIT                                                                               \
	{                                                                                          \
		.place = {.fd = -1 }                                                               \
	}

void located_done(struct located *l);

enum locate_flags {
	/* A layer that the content lies in is proven, which reads it through. */
	LOCATE_PROVE = 1 << 0,
	/* In a registry: what the reference names, whatever it is; only .place, .name and .desc are
	 * filled in. */
	LOCATE_BARE = 1 << 1,
};

/* What @ref names in its layout; without a name the only checkpoint there is. */
int locate_ref(const struct ref *ref, unsigned flags, struct located *ret,
	       struct firn_error *err) _must_check_;
/*
 * The same for a REF_DOCKER: what its tag (REGISTRY_TAG without one) or digest is. @opts may be
 * NULL.
 */
int locate_registry(const struct ref *ref, const struct registry_opts *opts, unsigned flags,
		    struct located *ret, struct firn_error *err) _must_check_;
/* The layout in the folder @path. */
int locate_layout(const char *path, unsigned flags, struct located *ret,
		  struct firn_error *err) _must_check_;
/*
 * The archive that the regular file @fd (borrowed; its offset stays) is, if it is OCI content: 1,
 * or 0 when it is none and may be an engine's. @name is for messages.
 */
int locate_archive(int fd, const char *name, unsigned flags, struct located *ret,
		   struct firn_error *err) _must_check_;

enum locate_form { LOCATE_ENGINE, LOCATE_LAYOUT, LOCATE_DOCKER };

/*
 * What the archive in @src is, by the names of its members up to the first that decides. Whatever
 * is broken is left for the one who reads it to tell; an engine's is what is neither of the others.
 */
enum locate_form locate_form(struct source *src);

/* Whether no engine's archive has a member of this name, but OCI content does. */
bool locate_is_oci_member(const char *path);

/*
 * What engines and builders put into any container's root is no file of the checkpoint, in case an
 * image was not made from scratch.
 */
bool locate_is_furniture(const char *path);

/* The words of those who made an image, for a checkpoint whose documents lack them; borrowed. */
struct locate_words {
	const char *container, *image_name; /* NULL: not told */
};

struct locate_words locate_words(const json_t *manifest);

#endif
