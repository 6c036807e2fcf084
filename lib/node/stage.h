/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a mount is put together: a private tmpfs on the staging folder of its record. Layers are
 * attached in it, because overlayfs takes detached ones from Linux 6.15 on only, and the writable
 * folders of the overlays are made in it. Once the overlays exist they hold all of this themselves:
 * the stage is taken down, and what a mounted bundle consists of is the bundle.
 */
#ifndef FIRN_NODE_STAGE_H
#define FIRN_NODE_STAGE_H

#include "base/error.h"

struct stage {
	int root;       /* of the tmpfs */
	unsigned count; /* layers attached so far */
};

#define STAGE_NONE                                                                                 \
	{                                                                                          \
		.root = -1                                                                         \
	}

/* Mount the tmpfs on the folder @path. The mounts themselves are teardown()'s to remove. */
int stage_open(struct stage *s, const char *path, struct firn_error *err) _must_check_;
void stage_done(struct stage *s);

/* Give the detached mount @mount a place in the stage. */
int stage_attach(struct stage *s, int mount, struct firn_error *err) _must_check_;
/* A new folder on the stage's tmpfs, in @parent (s->root, or a folder of it). Returns it, O_PATH.
 */
int stage_folder(int parent, const char *name, unsigned mode, struct firn_error *err) _must_check_;

#endif
