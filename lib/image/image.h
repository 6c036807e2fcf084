/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images in a store: manifests and configs loaded and proven, and the checkpoint images of
 * firn-format(5) found in an index (role C and role R).
 */
#ifndef FIRN_IMAGE_IMAGE_H
#define FIRN_IMAGE_IMAGE_H

#include "image/layout.h"

/* One image: manifest and config, both proven by digest; layers and diff_ids agree in number. */
struct image {
	struct oci_descriptor desc;
	struct oci_manifest manifest;
	struct oci_config config;
};

/* The documents alone, proven by digest. Another media type is -FIRN_EINVAL. */
int image_load_manifest(struct store *s, const struct oci_descriptor *desc,
			struct oci_manifest *ret, struct firn_error *err) _must_check_;
int image_load_index(struct store *s, const struct oci_descriptor *desc, struct oci_index *ret,
		     struct firn_error *err) _must_check_;

/* An index is refused with -FIRN_EINVAL here; see image_pick(). */
int image_load(struct store *s, const struct oci_descriptor *desc, struct image *ret,
	       struct firn_error *err) _must_check_;
void image_done(struct image *i);

/*
 * An ordinary image for this host's platform: @desc itself, or of an index (nested ones too, 4
 * deep) the first entry that fits: os and architecture; among those the host's variant or none
 * first; one without a platform last. -FIRN_ENOTFOUND when none does.
 */
int image_pick(struct store *s, const struct oci_descriptor *desc, struct image *ret,
	       struct firn_error *err) _must_check_;

/* What a firn index holds for one container. Absent images have desc.digest.alg 0. */
struct checkpoint_image {
	struct image checkpoint; /* C */
	struct image rootfs;     /* R */
	bool external_base;      /* R holds the delta alone: org.firn.base=external */
};

/*
 * From the descriptor of I, or of C alone (R is its subject then). @container (may be NULL) picks
 * one of several: -FIRN_EINVAL lists their names when it isn't given, -FIRN_ENOTFOUND when none has
 * it. -FIRN_EINVAL when it is no image of firn's, -FIRN_EUNSUPP when its format is a later one.
 * C without a subject and without an R beside it is a bare process.
 */
int checkpoint_image_load(struct store *s, const struct oci_descriptor *desc, const char *container,
			  struct checkpoint_image *ret, struct firn_error *err) _must_check_;
void checkpoint_image_done(struct checkpoint_image *ci);

/* The containers that an image holds. */
struct checkpoint_names {
	char **list; /* in the index' order; NULL for one without a name */
	size_t n;
};

/* Of the descriptor of I or C, as checkpoint_image_load(). */
int checkpoint_image_names(struct store *s, const struct oci_descriptor *desc,
			   struct checkpoint_names *ret, struct firn_error *err) _must_check_;
void checkpoint_names_done(struct checkpoint_names *n);

/* org.firn.layer of layer @i: from its descriptor, else from the manifest by diff_id; NULL unknown.
 */
const char *image_layer_role(const struct image *img, size_t i);
/* org.firn.mountable likewise. */
const char *image_layer_mountable(const struct image *img, size_t i);

#endif
