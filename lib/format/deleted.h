/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * deleted.files of Podman and CRI-O: the paths that a container removed from its image, a JSON
 *array of absolute paths (c/storage checkpoint_restore_utils.go). The engines write no opaque
 *marks: a directory that was removed and made again is both in deleted.files and, with what it
 *holds now, in rootfs-diff.tar. What a deletion means is decided here, for everybody who turns the
 *two files into a layer:
 *
 *	deleted_parse(text, len, &d, err);
 *	for (size_t i = 0; i < d.count; i++)
 *		switch (deleted_effect(d.paths[i], diff)) ...
 *
 * The diff must be known as a whole by then. Names go through JSON in Go, which replaces every byte
 * that is no UTF-8 by U+FFFD: such a path may name a file that never was (deleted_is_lossy()).
 */
#ifndef FIRN_FORMAT_DELETED_H
#define FIRN_FORMAT_DELETED_H

#include "base/error.h"
#include "format/tree.h"

#include <stdbool.h>
#include <stddef.h>

#define DELETED_BYTES_MAX (16u << 20) /* of the document; for whoever reads it */
#define DELETED_PATHS_MAX (1u << 18)  /* a removed folder is one path, whatever it held */

/*
 * Normalised (base/path.h: no leading slash), unique, in the order of a walk (by component,
 * bytewise). A path below another one of the list is dropped: the other one hides it.
 */
struct deleted {
	char **paths;
	size_t count;
};

/* -FIRN_ECORRUPT for a path that leaves the rootfs or names the rootfs itself. */
int deleted_parse(const char *text, size_t len, struct deleted *ret,
		  struct firn_error *err) _must_check_;
void deleted_done(struct deleted *d);

/* U+FFFD in it: the real name may be another one. */
bool deleted_is_lossy(const char *path);

enum deleted_effect {
	DELETED_NOTHING = 0, /* the diff has a new file there, or above it, which hides the old */
	DELETED_WHITEOUT,    /* hide the name */
	DELETED_OPAQUE,      /* the diff has a directory there: mark it opaque */
};

/*
 * What the deletion of normalised @path means for a layer made of the diff. A directory counts as
 * the diff's also when no entry describes it and something lies below it.
 */
enum deleted_effect deleted_effect(const char *path, const struct tree *diff);

#endif
