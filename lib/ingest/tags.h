/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names that a build gives: TAG for the index; TAG.checkpoint and TAG.rootfs for the images of
 * the only container, TAG.NAME.checkpoint and TAG.NAME.rootfs for those of each of several.
 */
#ifndef FIRN_INGEST_TAGS_H
#define FIRN_INGEST_TAGS_H

#include "image/layout.h"
#include "ingest/batch.h"

struct tags {
	struct layout_entry *entries; /* their tags are owned */
	size_t n, room;
};

void tags_done(struct tags *t);

/* All of them for @b, whose images may still have to be made. */
int tags_make(struct tags *t, const char *tag, const struct batch *b,
	      struct firn_error *err) _must_check_;

/*
 * The images that the layout's @tag had so far lose the names that they have for it. To be called
 * when @tag is replaced, after tags_make().
 */
int tags_add_replaced(struct tags *t, const char *tag, struct layout *l,
		      struct firn_error *err) _must_check_;

/* A container without a rootfs must not have the name of another one's. Once the images are made.
 */
void tags_drop_absent(struct tags *t);

#endif
