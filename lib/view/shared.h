/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * EROFS mounts that several bundles of this host have together: what one of them has read, the
 * others find in memory, since pages are cached for each file system and two mounts of one blob are
 * two of them. In the state folder:
 *
 *   STATE/shared/            its lock (flock) is held while anything below is looked up or changed
 *               KEY/         one file system; KEY is made of what is known of its files, so that a
 *                            changed one is another, and of the road that was asked for
 *                   ROAD/    where it is mounted (road_name())
 *                   ID       an empty file for each bundle that has it, named as its record is
 *
 * A bundle has copies (open_tree(2)) of the mount, never the mount itself: taking a bundle down
 * finds out whether it is in use as if nobody else had it. The record of a bundle is written before
 * its first ID and emptied after its last one is gone, so nobody's ID outlives a crash for longer
 * than the record. A mount that another mount namespace made isn't seen here: it is made again.
 */
#ifndef FIRN_VIEW_SHARED_H
#define FIRN_VIEW_SHARED_H

#include "bytes/digest.h"
#include "kernel/erofs_mount.h"

#include <stdbool.h>

#define SHARED_FOLDER "shared"

struct shared_image {
	struct erofs_image erofs;
	const struct digest *content; /* of an image file without a name; else NULL */
};

/*
 * erofs_mount(), or a copy of what another bundle has mounted. @bundle is STATE/ID of the one that
 * it is for; NULL: a mount of its own, which it also gets of files that other users can write to,
 * and of what it has already (overlayfs takes no folder twice). Returns a detached mount.
 */
int shared_mount(const char *bundle, const struct shared_image *image, enum road *ret_road,
		 struct firn_error *err) _must_check_;

/*
 * Whether nobody else has what @bundle (STATE/ID) has now. Others come and go: it is a hint. False
 * when that can't be found out.
 */
bool shared_is_alone(const char *bundle);

/* The bundle STATE/ID is gone: what nobody has any more is unmounted. */
int shared_drop(const char *bundle, struct firn_error *err) _must_check_;

#endif
