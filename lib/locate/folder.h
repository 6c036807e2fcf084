/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a checkpoint in a folder consists of. There are three kinds of folders:
 *
 *   an unpacked archive    all in it is a member
 *   an engine's own        config.json beside checkpoint/: Podman's "userdata", an OCI bundle
 *   CRIU's images alone    inventory.img: they become members of checkpoint/
 *
 * In an engine's own folder what archives have is a member, but for the changes of the rootfs,
 * which are left of an older export at best; config.json is spec.dump.
 *
 * In each the images may have a link "parent" to the dump before them, that one too, and so on:
 * then the whole chain belongs to it (format/checkpoint.h). Such a link is relative, goes through
 * no other symbolic link, and leads to somewhere below the folder that the given one lies in, where
 * the dumps of a chain lie side by side. Nothing else outside of the given folder is read.
 *
 * Names are collected first, sorted so that the documents come first, then the chain from its
 * oldest dump on; each file is opened when its turn comes, never through a symbolic link.
 */
#ifndef FIRN_LOCATE_FOLDER_H
#define FIRN_LOCATE_FOLDER_H

#include "base/path.h"
#include "format/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define FOLDER_FILES_MAX (1u << 18) /* files in a folder */
#define FOLDER_DEPTH_MAX 64         /* folders in folders: dumps are flat, artifacts nearly */

struct folder_file {
	char *path;    /* below its dump's folder, or the folder that was given */
	char *target;  /* of the link "parent", NULL for all others */
	unsigned dump; /* the older dump it belongs to; 0: none of them */
	/* As it was when the names were collected. */
	uint32_t mode, uid, gid, mtime_ns;
	uint64_t size;
	int64_t mtime;
};

struct folder {
	int root;        /* owned; the folder that was given */
	int around;      /* owned; the folder that one lies in; -1 until it is needed */
	bool bare;       /* CRIU's images alone */
	bool in_place;   /* an engine's own folder */
	bool has_config; /* there is a config.dump */
	bool has_spec;   /* there is a spec.dump */
	unsigned flags;
	struct folder_file *files;
	size_t count, room;
	uint64_t bytes;                  /* of all files */
	int dumps[CHECKPOINT_DUMPS_MAX]; /* by number: folders of the older dumps, owned; else -1 */
};

enum folder_flags {
	/* A chain that goes round in circles ends with the link that closes it, as it is. */
	FOLDER_CIRCLES = 1 << 0,
};

/* Collect what is in the folder @fd, which is taken, also on failure. */
int folder_collect(struct folder *f, int fd, unsigned flags, struct firn_error *err) _must_check_;
void folder_done(struct folder *f);

/* The folder that the path of @file is below. */
int folder_of(const struct folder *f, const struct folder_file *file);

#define FOLDER_MEMBER_MAX (PATH_MEMBER_MAX + CHECKPOINT_DUMP_NAME_MAX + 1)

/* What @file is called as a member of the checkpoint. Returns @ret. */
const char *folder_member(const struct folder *f, const struct folder_file *file,
			  char ret[FOLDER_MEMBER_MAX]);

#endif
