/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One overlayfs over folders given as open descriptors. Every feature that reads overlay xattrs of
 * the layers beyond whiteouts and opaque folders is off (redirect_dir, metacopy, index,
 * nfs_export): layers come from outside, and their xattrs must not lead to other files. The kernel
 * stacks two file systems at most and EROFS over a file counts one, so never put an overlay on an
 * overlay.
 */
#ifndef FIRN_KERNEL_OVERLAY_H
#define FIRN_KERNEL_OVERLAY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERLAY_TYPE   "overlay" /* as mountinfo has them */
#define OVERLAY_SOURCE "firn"

#define OVERLAY_LOWERS_MAX 500 /* OVL_MAX_STACK */

struct overlay {
	const int
	    *lowers;     /* folders, topmost first; each must be attached in this mount namespace */
	size_t nlowers;  /* without an upper at least two */
	int upper, work; /* folders of one file system; both -1: read-only */
	int staging;     /* a private mount's folder; one below it is used before Linux 6.7 */
	uint64_t attrs;  /* MOUNT_ATTR_... */
};

/* Returns the descriptor of a detached mount. It keeps the layers: their mounts may go. */
int overlay_mount(const struct overlay *o, struct firn_error *err) _must_check_;

/*
 * The same through mount(2), for kernels whose overlayfs can't be given its layers one by one
 * (lowerdir+, Linux 6.7). All options share one page: about 200 layers.
 */
int overlay_mount_by_options(const struct overlay *o, struct firn_error *err) _must_check_;

/*
 * Whether an overlay that is mounted anywhere, also where we don't see it, has @folder for its
 * upper or work folder: a second one would harm both, but the kernel refuses that only where there
 * is an index (ovl_report_in_use()). It is asked with @folder below a trial of that kind, which
 * isn't attached anywhere; @upper and @work are empty folders of one file system.
 */
bool overlay_is_written(int folder, int upper, int work);

/* Nothing of the layers below shines through @folder of an upper folder. */
int overlay_make_opaque(int folder, struct firn_error *err) _must_check_;

#endif
