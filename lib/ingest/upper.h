/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The upper directory of a container's overlay becomes a layer. It holds all that the container
 * changed, in overlayfs' own words (Documentation/filesystems/overlayfs.rst): nothing is lost that
 * an engine's archive would lose.
 *
 * Whiteouts are character devices 0:0, or empty files with the xattr overlay.whiteout in a folder
 * with overlay.opaque=x; overlay.opaque=y is an opaque folder. Each name may begin with "trusted."
 * or, on a mount with the option userxattr, with "user.". Overlayfs' other xattrs say how it got
 * there and are left behind. A folder that was renamed in place (redirect_dir) and a file of which
 * only the attributes were copied (metacopy) have their content elsewhere: -FIRN_EUNSUPP.
 *
 * The tree is read in the order of its names, so the same tree gives the same layer. It must not
 * change meanwhile: that is -FIRN_EBUSY, not a layer that never was.
 */
#ifndef FIRN_INGEST_UPPER_H
#define FIRN_INGEST_UPPER_H

#include "ingest/delta.h"

/* Open the folder @path; -FIRN_EINVAL for a mounted overlay, which shows all layers as one. */
int upper_open(const char *path, struct firn_error *err) _must_check_;

/* Fill @d, which nothing was put into, from the folder @upper (borrowed). */
int delta_from_upper(struct delta *d, int upper, struct firn_error *err) _must_check_;

#endif
