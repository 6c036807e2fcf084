/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes that were restored without a container: nothing but their parents holds them together.
 */
#ifndef FIRN_NODE_KILL_H
#define FIRN_NODE_KILL_H

/* Kill @pid and all its descendants, none of which is ours to wait for. */
void kill_tree(int pid);

#endif
