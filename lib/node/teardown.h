/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking mounts down. What is there to take down comes from mountinfo alone, so it works the same
 * after a crash.
 */
#ifndef FIRN_NODE_TEARDOWN_H
#define FIRN_NODE_TEARDOWN_H

#include "base/error.h"

#include <stddef.h>

/* What to take down; canonical paths. */
struct teardown {
	/* All that is mounted at or below these goes. */
	const char *const *tops;
	size_t ntops;
	/*
	 * And at or below this folder (may be NULL), if a bundle is mounted on one of @bundles: it
	 * may have gone without firn, and what is there by now is somebody else's.
	 */
	const char *dir;
	const char *const *bundles;
	size_t nbundles;
};

/*
 * Unmount it, the innermost first. The kernel can't be asked whether a tree of mounts is in use
 * without taking its leaves off first; so each mount is copied (open_tree) before it goes, and when
 * one of them turns out to be in use (-FIRN_EBUSY, the error names it) the copies are put back
 * where they were.
 */
int teardown(const struct teardown *what, struct firn_error *err) _must_check_;

#endif
