/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The older dumps of a chain in folders. Private to folder*.c. */
#ifndef FIRN_LOCATE_FOLDER_CHAIN_H
#define FIRN_LOCATE_FOLDER_CHAIN_H

#include "locate/folder.h"

/*
 * Follow the links from the images of @f on; add the older dumps, and the links as the chain has
 * them. A link that leads nowhere or too far is added as it is: perhaps somebody else has the dump.
 */
int folder_chain(struct folder *f, struct firn_error *err) _must_check_;

/* folder.c: one file more (@target may be NULL); all that is in the folder f->dumps[@dump]. */
int folder_add(struct folder *f, unsigned dump, const char *path, const struct stat *st,
	       const char *target, struct firn_error *err) _must_check_;
int folder_walk_dump(struct folder *f, unsigned dump, struct firn_error *err) _must_check_;

#endif
