/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The container's filesystem: one overlay of one EROFS mount a layer, with a writable folder on top
 * or none. No device nodes: the runtime makes a /dev of its own.
 */
#ifndef FIRN_NODE_ROOTFS_H
#define FIRN_NODE_ROOTFS_H

#include "node/content.h"

#include <stdint.h>

struct rootfs {
	const struct layer_stack *layers;
	struct stage *stage;
	/* Folder for what the container writes; NULL: the stage's tmpfs. Ignored with read_only. */
	const char *upper;
	bool read_only;
	/*
	 * Permissions of the root folder as CRIU found them, which it compares at the restore
	 * (engines change them, whatever the layers say). 0: those of the topmost layer.
	 */
	uint32_t root_mode;
};

/* Returns the descriptor of a detached mount. */
int rootfs_mount(const struct rootfs *r, struct firn_error *err) _must_check_;

#endif
