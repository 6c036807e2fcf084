/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder that a mounted checkpoint is (firn-format(5), "What a mount looks like"): an overlay
 * of the data layers and a tmpfs, so that the metadata is there without a copy and CRIU can write
 * its logs; over it the CRIU images from their layer, of each dump of a chain, and the rootfs.
 */
#ifndef FIRN_NODE_BUNDLE_H
#define FIRN_NODE_BUNDLE_H

#include "format/spec.h"
#include "node/content.h"

#define BUNDLE_CONFIG   "config.json"
#define BUNDLE_IMAGES   "checkpoint"
#define BUNDLE_ROOTFS   "rootfs"
#define BUNDLE_WORK     "work"
#define BUNDLE_PROVIDED "engine" /* the files that the dumping engine had made, made anew */

struct networks;

struct bundle {
	const struct firn_mount_opts *opts;
	const struct content *content;
	struct stage *stage;
	const char *path;          /* where it goes: canonical, absolute */
	const char *cgroup;        /* absolute, of the container to come */
	struct networks *networks; /* of the other containers; may be NULL */
};

/* config.json as it will be; nothing when the content has no spec.dump. */
int bundle_config(const struct bundle *b, const struct criu_info *dump, struct spec *ret,
		  struct firn_error *err) _must_check_;
/* Mount it. *ret_road says how the images are. What a failure leaves is teardown()'s. */
int bundle_mount(const struct bundle *b, enum road *ret_road, struct firn_error *err) _must_check_;

#endif
