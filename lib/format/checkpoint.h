/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the members of a checkpoint are: the names that Podman, CRI-O and containerd give to the
 * files of their archives and that CRIU gives to its own. Paths are normalised (base/path.h).
 */
#ifndef FIRN_FORMAT_CHECKPOINT_H
#define FIRN_FORMAT_CHECKPOINT_H

#include <stdbool.h>

#define CHECKPOINT_IMAGES_DIR "checkpoint"
#define CHECKPOINT_CONFIG     "config.dump"
#define CHECKPOINT_SPEC       "spec.dump"
#define CHECKPOINT_ROOTFS     "rootfs-diff.tar"
#define CHECKPOINT_DELETIONS  "deleted.files"
#define CHECKPOINT_INVENTORY  "inventory.img" /* in the images' folder: every dump has one */
#define CHECKPOINT_PARENT     "parent"        /* there too: a symbolic link to the dump before */

enum checkpoint_role {
	CHECKPOINT_OTHER,    /* goes along with the metadata: logs, volumes, artifacts, ... */
	CHECKPOINT_IMAGE,    /* checkpoint/ and all below: CRIU's images */
	CHECKPOINT_PREDUMP,  /* pre-checkpoint/ and all below */
	CHECKPOINT_DOCUMENT, /* a JSON document that has to be understood */
	CHECKPOINT_DELETED,  /* deleted.files, JSON too */
	CHECKPOINT_DIFF,     /* rootfs-diff.tar */
};

enum checkpoint_role checkpoint_classify(const char *path);

/*
 * CRIU keeps its logs and statistics beside its images unless it is told a work folder; in a bare
 * folder of images these are not images.
 */
bool checkpoint_is_log(const char *path);

#endif
