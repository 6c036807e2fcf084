/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A tree in the order of Go's filepath.Walk, in which the engines write: names of a folder sorted,
 * a folder before what is in it. Without recursion, since trees are as deep as input makes them.
 */
#ifndef FIRN_EXPORT_WALK_H
#define FIRN_EXPORT_WALK_H

#include "base/buf.h"
#include "format/tree.h"

struct walk {
	struct walk_level *levels;
	size_t depth, room;
	struct node *last; /* its children come next */
	struct buf path;   /* of last, as tree_path() says it */
};

/* Begin below @top, which itself isn't met. */
int walk_begin(struct walk *w, struct node *top, struct firn_error *err) _must_check_;
void walk_done(struct walk *w);
/* 1 and the next node, whose path is w->path.data; 0 at the end. */
int walk_step(struct walk *w, struct node **ret, struct firn_error *err) _must_check_;

/*
 * Of the hard links of one file the first that a walk meets has to have the content: it takes that
 * over. Then walk_first() of the others is that one, and NULL of what is no link.
 */
int walk_links(struct tree *t, struct firn_error *err) _must_check_;
const struct node *walk_first(const struct node *n);

#endif
