/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files with several names in an upper directory: which name came first. Private to upper*.c. */
#ifndef FIRN_INGEST_UPPER_LINKS_H
#define FIRN_INGEST_UPPER_LINKS_H

#include "format/tree.h"

/* Inode numbers in an open-addressed table; all are of one file system. */
struct upper_links {
	struct upper_link {
		uint64_t inode;
		const struct node *node; /* borrowed from the layer; NULL: the slot is free */
	} * slots;
	size_t room, used; /* room: 0 or a power of two */
};

void upper_links_done(struct upper_links *l);

/* The node of @inode, or NULL. */
const struct node *upper_links_find(const struct upper_links *l, uint64_t inode);
/* @inode wasn't there. */
int upper_links_add(struct upper_links *l, uint64_t inode, const struct node *n,
		    struct firn_error *err) _must_check_;

#endif
