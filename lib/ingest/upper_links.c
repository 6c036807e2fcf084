/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/upper_links.h"

#include <stdlib.h>

#define ROOM_MIN 64

void upper_links_done(struct upper_links *l)
{
	free(l->slots);
	*l = (struct upper_links){ .slots = NULL };
}

/* The slot that has @inode, or the free one where it would go; there is one. */
static struct upper_link *slot_of(const struct upper_links *l, uint64_t inode)
{
	/* Fibonacci hashing: inode numbers come in rows. */
	size_t at = (size_t)(inode * 0x9e3779b97f4a7c15u >> 20) & (l->room - 1);

	while (l->slots[at].node && l->slots[at].inode != inode)
		at = (at + 1) & (l->room - 1);
	return &l->slots[at];
}

const struct node *upper_links_find(const struct upper_links *l, uint64_t inode)
{
	return l->room ? slot_of(l, inode)->node : NULL;
}

static int grow(struct upper_links *l, struct firn_error *err)
{
	struct upper_links more = { .room = l->room ? 2 * l->room : ROOM_MIN, .used = l->used };

	more.slots = calloc(more.room, sizeof(*more.slots));
	if (!more.slots)
		return firn_fail_oom(err, "hard links");
	for (size_t i = 0; i < l->room; i++)
		if (l->slots[i].node)
			*slot_of(&more, l->slots[i].inode) = l->slots[i];
	free(l->slots);
	*l = more;
	return 0;
}

int upper_links_add(struct upper_links *l, uint64_t inode, const struct node *n,
		    struct firn_error *err)
{
	int rc = l->used + 1 > l->room / 2 ? grow(l, err) : 0;

	if (rc < 0)
		return rc;
	*slot_of(l, inode) = (struct upper_link){ inode, n };
	l->used++;
	return 0;
}
