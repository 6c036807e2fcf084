/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A layer's tree written out as files and folders, for hosts that can't mount it: with owners,
 * times, xattrs, devices and hard links, whiteouts and opaque folders as overlayfs wants them.
 * Contents share their blocks with the file that they lie in where the file system can do that and
 * they are aligned, as those of our own layers are; else they are copied, zeros as holes.
 */
#ifndef FIRN_VIEW_UNPACK_H
#define FIRN_VIEW_UNPACK_H

#include "format/tree.h"
#include "kernel/road.h"

#include "firn/report.h"

struct unpack_source {
	int fd;                           /* where contents lie, at the offsets that the tree has */
	const char *what;                 /* for the progress */
	const struct firn_report *report; /* may be NULL */
};

/*
 * Write @tree into the empty folder @top, which becomes its root. *ret_road is ROAD_REFLINK if
 * blocks are shared, ROAD_COPY if none are. A failure leaves what it has made. The tree's .pos is
 * used up.
 */
int unpack_tree(struct tree *tree, const struct unpack_source *src, int top, enum road *ret_road,
		struct firn_error *err) _must_check_;

/* Remove everything in the folder @top, however deep, with few descriptors and no recursion. */
int unpack_clear(int top, struct firn_error *err) _must_check_;

#endif
