/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces of locate*.c. Private to lib/locate. */
#ifndef FIRN_LOCATE_CONTENT_H
#define FIRN_LOCATE_CONTENT_H

#include "locate/locate.h"

/* What an image's root has. */
enum image_content { IMAGE_NOTHING, IMAGE_CHECKPOINT, IMAGE_LAYOUT };

/* Looks at the names in the layers, from the topmost down, up to the first that tells. */
int content_look(struct store *s, const struct image *image, enum image_content *ret,
		 struct firn_error *err) _must_check_;

/* What l->desc in l->place is. */
int locate_desc(struct located *l, unsigned flags, struct firn_error *err) _must_check_;
/* What a layout holds, or the image @image, which is taken; l->place is set. @nested: how deep. */
int locate_named(struct located *l, const struct ref *ref, unsigned flags,
		 struct firn_error *err) _must_check_;
int locate_loaded(struct located *l, struct image *image, unsigned flags, int nested,
		  struct firn_error *err) _must_check_;

#endif
