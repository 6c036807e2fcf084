/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the members of a checkpoint are: the names that Podman, CRI-O and containerd give to the
 * files of their archives and that CRIU gives to its own. Paths are normalised (base/path.h).
 */
#ifndef FIRN_FORMAT_CHECKPOINT_H
#define FIRN_FORMAT_CHECKPOINT_H

#include <stdbool.h>

#define CHECKPOINT_IMAGES_DIR  "checkpoint"
#define CHECKPOINT_CONFIG      "config.dump"
#define CHECKPOINT_SPEC        "spec.dump"
#define CHECKPOINT_ROOTFS      "rootfs-diff.tar"
#define CHECKPOINT_DELETIONS   "deleted.files"
#define CHECKPOINT_INVENTORY   "inventory.img"  /* in the images' folder: every dump has one */
#define CHECKPOINT_PARENT      "parent"         /* there too: a symbolic link to the dump before */
#define CHECKPOINT_PREDUMP_DIR "pre-checkpoint" /* images of the oldest dump of a chain */
#define CHECKPOINT_DUMPS_MAX   32               /* dumps of one chain, the newest too */
#define CHECKPOINT_BUNDLE_SPEC "config.json"    /* spec.dump's name in an engine's own folder */

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
 * Whether engines give the name @name to something at the root of an archive: what else lies in a
 * folder of an engine's own is no part of the checkpoint.
 */
bool checkpoint_is_member(const char *name);

/*
 * Incremental dumps: each has a folder of its own and a link "parent" to the one before it, whose
 * pages it doesn't repeat. Podman calls its two "checkpoint" and "pre-checkpoint"; in longer chains
 * the oldest is "pre-checkpoint" (number 1), then come "pre-checkpoint.2" and so on, so that a dump
 * keeps its name when the chain grows; the newest is always "checkpoint" (CHECKPOINT_DUMPS_MAX).
 */

/* The number of the dump whose folder @path is, or lies in; 0 when it is no dump's. */
unsigned checkpoint_dump(const char *path);

#define CHECKPOINT_DUMP_NAME_MAX (sizeof(CHECKPOINT_PREDUMP_DIR) + 3)

/* The folder of the dump @number. Returns @ret. */
const char *checkpoint_dump_name(unsigned number, char ret[CHECKPOINT_DUMP_NAME_MAX]);

/*
 * The number of the dump that the link @path -> @target leads to. 0 unless @path is the parent link
 * of a dump and @target "../" and the folder of an older one: such links can't go round in circles.
 */
unsigned checkpoint_parent(const char *path, const char *target);

/*
 * CRIU keeps its logs and statistics beside its images unless it is told a work folder; in a bare
 * folder of images these are not images.
 */
bool checkpoint_is_log(const char *path);

#endif
