/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees whose files programs of this host will open by name: CRIU its images, an engine
 * config.dump. A symbolic link or device in there could make them open something else.
 */
#ifndef FIRN_VIEW_PLAIN_H
#define FIRN_VIEW_PLAIN_H

#include "format/tree.h"

/*
 * 0 when @t holds files and folders only, and links from one dump of a chain to the one before it
 * (checkpoint_parent()); -FIRN_ECORRUPT naming the first other thing.
 */
int plain_check(const struct tree *t, struct firn_error *err) _must_check_;

/*
 * Give everything in @t to root, for root's eyes only: whatever an archive says, these files hold
 * the memory of processes. Xattrs go.
 */
void plain_own(struct tree *t);

/*
 * The node after @n in a walk from t->root through the whole tree, a folder before what is in it;
 * NULL behind the last one. Without recursion: trees are as deep as hostile input makes them.
 */
struct node *walk_next(const struct tree *t, struct node *n);

#endif
