/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this kernel can do for firn, and the file system of a folder, found by doing it: a tiny
 * image is mounted where nobody sees it, two files share a block, and so on. Versions are never
 * compared: distributions carry features back, and build kernels without them.
 *
 * Nothing is left behind: files have no name, mounts no place. Two folders for overlayfs to lay
 * over one another are made in the folder, and removed.
 */
#ifndef FIRN_KERNEL_FEATURES_H
#define FIRN_KERNEL_FEATURES_H

#include "base/error.h"
#include "kernel/road.h"

enum feature {
	FEATURE_EROFS,          /* images are mounted, be it by loop devices */
	FEATURE_FILE,           /* from files of the folder's file system, without a device */
	FEATURE_FILE_DIRECTIO,  /* and without a second copy in the page cache */
	FEATURE_LOOP,           /* loop devices */
	FEATURE_ZSTD,           /* images whose content is in zstd frames */
	FEATURE_OVERLAY,        /* folders laid over one another */
	FEATURE_OVERLAY_LOWERS, /* given one by one (lowerdir+), in any number */
	FEATURE_OVERLAY_DATA,   /* with lowers that only hold content ("::") */
	FEATURE_OVERLAY_USER,   /* with marks in "user." xattrs, for those who aren't root */
	FEATURE_FUSE,           /* /dev/fuse, for the caller */
	FEATURE_REFLINK,        /* files of the folder's file system share blocks */
	FEATURE_USERFAULTFD,    /* lazy restores */
	FEATURE_VERITY,         /* files of the folder's file system can be sealed (fs-verity) */
	FEATURES,
};

enum feature_state {
	FEATURE_NO,
	FEATURE_YES,
	FEATURE_UNKNOWN, /* the caller may not try it */
};

struct features {
	struct {
		enum feature_state state;
		char why[160]; /* not, in words; "" with FEATURE_YES */
	} of[FEATURES];
};

/* "erofs", "erofs-file", and so on */
const char *feature_name(enum feature f);

/* Try all of them; @folder is one that files can be made in. */
void features_probe(int folder, struct features *ret);

/* The first of the roads that the caller can take here; ROAD_ANY: none. */
enum road features_road(const struct features *f);

#endif
