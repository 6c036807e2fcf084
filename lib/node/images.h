/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folders of CRIU images in the data layers, and what they say. */
#ifndef FIRN_NODE_IMAGES_H
#define FIRN_NODE_IMAGES_H

#include "format/checkpoint.h"
#include "format/criu.h"
#include "node/content.h"

/* The dumps that a restore needs, the newest first, and the data layers that have them. */
struct images {
	struct images_dump {
		const struct view_mount *layer; /* borrowed */
		char name[CHECKPOINT_DUMP_NAME_MAX];
	} dumps[CHECKPOINT_DUMPS_MAX];
	size_t count; /* one, if it isn't an incremental dump */
};

/* -FIRN_ECORRUPT without images; -FIRN_ENOTFOUND when a dump of a chain isn't there. */
int images_find(const struct content *c, struct images *ret, struct firn_error *err) _must_check_;

/*
 * Both of content that firn shows itself: every dump that the newest one builds on is there, and
 * what its images say.
 */
int images_inspect_served(const struct content *c, struct criu_info *ret,
			  struct firn_error *err) _must_check_;

/* Inspect the images in the folder @dirfd. */
int images_inspect(int dirfd, struct criu_info *ret, struct firn_error *err) _must_check_;

/*
 * Nothing of the pages that they list is missing (format/criu_pages.h): else -FIRN_ECORRUPT.
 * @bundle: the folder that the dumps lie in side by side.
 */
int images_check_pages(int bundle, struct firn_error *err) _must_check_;

#endif
