/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A layer of an image as a mount, its payload untouched:
 *
 * - our own: the blob itself, once its index was made again from the headers and compared, unless
 *   somebody else can write to it meanwhile;
 *
 * - an uncompressed tar, and one whose own index is not to be trusted: an index over the blob;
 *
 * - our own in zstd: the blob itself as well, of which headers alone are read for that;
 *
 * - compressed in other ways: unpacked once into the cache, then as above;
 *
 * - in an oci-archive: an index over the archive's file;
 *
 * - any, where the kernel has no EROFS or the caller wants it so: unpacked (view/copied.h).
 *
 * Whiteouts and opaque folders come out as overlayfs wants them. The caller stacks the layers.
 */
#ifndef FIRN_VIEW_LAYERS_H
#define FIRN_VIEW_LAYERS_H

#include "view/index.h"

/*
 * On the root folder of a layer of others that doesn't describe it: its attributes mean nothing,
 * those of the layer below count. No process sees it, an overlay shows what is on top of all.
 */
#define VIEW_ROOT_IMPLIED "trusted.firn.implied"

/* What a layer holds. */
enum view_use {
	VIEW_ROOTFS, /* anything a container may have, and whiteouts */
	VIEW_DATA,   /* files and folders that this host reads: nothing else may be in there */
};

/*
 * The layer @desc of @s, of which the image's config says @diff_id. -FIRN_ECORRUPT for a layer that
 * isn't what its descriptor says, and for a forged index under VIEW_STRICT.
 */
int view_layer(const struct view *v, struct store *s, const struct oci_descriptor *desc,
	       const struct digest *diff_id, enum view_use use, struct view_mount *ret,
	       struct firn_error *err) _must_check_;

#endif
