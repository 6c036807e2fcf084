/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An uncompressed archive of an engine's checkpoint, mounted as it lies: one scan of its headers,
 * then two indexes over the one file. The delta, a tar inside of it, is a range of the same file.
 * What comes out is what a build would have made of it: data belongs to root, deletions are
 * whiteouts, folders that the delta leaves out have the attributes they have in the base image.
 */
#ifndef FIRN_VIEW_ARCHIVE_H
#define FIRN_VIEW_ARCHIVE_H

#include "view/trees.h"

struct archive;

/*
 * Scan the file @fd (taken, also on failure): 0, or 1 when it is the tar of an OCI layout, and then
 * *ret is untouched. -FIRN_EUNSUPP when it is compressed, -FIRN_EINVAL when it is no checkpoint.
 */
int archive_open(int fd, struct archive **ret, struct firn_error *err) _must_check_;
struct archive *archive_close(struct archive *a);
void archive_closep(struct archive **a);

/* 1 and the whole member @path, NUL-ended, which the caller frees; 0 when there is none. */
int archive_read(struct archive *a, const char *path, size_t max, char **ret, size_t *ret_len,
		 struct firn_error *err) _must_check_;

/* Everything but the delta. */
int archive_mount_data(struct archive *a, const struct view *v, struct view_mount *ret,
		       struct firn_error *err) _must_check_;

/* How the engine writes its delta. */
enum archive_dialect {
	ARCHIVE_LITERAL,   /* Podman, CRI-O: a plain tar, deletions in deleted.files */
	ARCHIVE_CHANGESET, /* containerd: a layer, often compressed, deletions as whiteouts */
};

/* The image below the delta: mounted, or a tree. */
struct archive_base {
	int dirfd;               /* -1: a tree */
	const struct tree *tree; /* its folder @folder, "" for the root */
	const char *folder;
};

/*
 * The delta as the topmost layer of the image @base. 1, or 0 when the container changed
 * nothing: then *ret is untouched.
 */
int archive_mount_delta(struct archive *a, const struct view *v, enum archive_dialect dialect,
			const struct archive_base *base, struct view_mount *ret,
			struct firn_error *err) _must_check_;

/*
 * The same two as trees, for a server of our own: nothing is mounted. The first one's tree is
 * borrowed: ret->tree stays as it is.
 */
int archive_data_tree(struct archive *a, const struct view *v, struct tree **ret_tree,
		      struct view_tree *ret, struct firn_error *err) _must_check_;
int archive_delta_tree(struct archive *a, const struct view *v, enum archive_dialect dialect,
		       const struct archive_base *base, struct view_tree *ret,
		       struct firn_error *err) _must_check_;

#endif
