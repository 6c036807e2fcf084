/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checkpoints that come as OCI content: checkpoint images (files at the root of an image) and the
 * indexes of "ctr checkpoint" (format/ctr.h), in a layout, an oci-archive, a docker-archive, or in
 * a layout that is itself what an image's only layer holds. Members come in an order of our own,
 * documents first where that costs nothing; every blob is proven while it is read.
 */
#ifndef FIRN_INGEST_INPUT_OCI_H
#define FIRN_INGEST_INPUT_OCI_H

#include "format/ref.h"
#include "image/image.h"
#include "ingest/input.h"

/* Where the content lies; owned but for store. Closed in the order of the members. */
struct input_place {
	struct store *store;   /* borrowed from layout, or own_store */
	struct layout *layout; /* NULL: there is none, the base can't be in it */
	struct store *own_store;
	struct layout *outer; /* of the image that holds layout in a layer */
	struct store *outer_store;
	int fd; /* of the file that all of it is in; -1: none */
};

void input_place_done(struct input_place *p);

/*
 * The members of image @image, which lies in @place. Both are taken (also on failure) and left
 * empty. @by_diff_id as in blob_wanted.
 */
int input_open_image(struct input_place *place, struct image *image, bool by_diff_id,
		     struct input **ret, struct firn_error *err) _must_check_;
/* What an image's root has. */
enum image_content { IMAGE_NOTHING, IMAGE_CHECKPOINT, IMAGE_LAYOUT };
int input_image_look(struct store *s, const struct image *image, enum image_content *ret,
		     struct firn_error *err) _must_check_;

/* The members of the ctr checkpoint @desc in @place, which is taken (also on failure). */
int input_open_ctr(struct input_place *place, const struct oci_descriptor *desc, struct input **ret,
		   struct firn_error *err) _must_check_;

/* The same of an index that is no blob: a layout's index.json, parsed. */
int input_open_ctr_index(struct input_place *place, const json_t *index, struct input **ret,
			 struct firn_error *err) _must_check_;

/* What @ref (no REF_PATH) names in its layout. */
int input_open_ref(const struct ref *ref, struct input **ret, struct firn_error *err) _must_check_;
/* The layout in the folder @path. */
int input_open_layout(const char *path, struct input **ret, struct firn_error *err) _must_check_;

/*
 * The archive that the regular file @fd (borrowed; its offset stays) is, if it is OCI content: 1,
 * or 0 when it is none and may be an engine's. @name is for messages.
 */
int input_open_archive(int fd, const char *name, struct input **ret,
		       struct firn_error *err) _must_check_;

/* Whether no engine's archive has a member of this name, but OCI content does. */
bool input_is_oci_member(const char *path);

/* That @what is no checkpoint that has to be built. */
int input_refuse_own(struct firn_error *err);

#endif
