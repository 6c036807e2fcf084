/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder of CRIU images in the data layers, and what they say. */
#ifndef FIRN_NODE_IMAGES_H
#define FIRN_NODE_IMAGES_H

#include "format/criu.h"
#include "node/content.h"

/* The data layer that has the images. */
int images_find(const struct content *c, const struct view_mount **ret,
		struct firn_error *err) _must_check_;

/* Inspect the images in the folder @dirfd. */
int images_inspect(int dirfd, struct criu_info *ret, struct firn_error *err) _must_check_;

/* Nothing of the pages that they list is missing (format/criu_pages.h): else -FIRN_ECORRUPT. */
int images_check_pages(int dirfd, struct firn_error *err) _must_check_;

#endif
