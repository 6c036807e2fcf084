/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two halves of the archive view: archive.c the file, archive_delta.c the tar inside. Private.
 */
#ifndef FIRN_VIEW_ARCHIVE_PRIVATE_H
#define FIRN_VIEW_ARCHIVE_PRIVATE_H

#include "view/archive.h"

#define ARCHIVE_DIFF    "rootfs-diff.tar"
#define ARCHIVE_DELETED "deleted.files"

struct archive {
	int fd;
	struct source *src;
	struct tree *tree;           /* payloads on device 1, which is fd; without the next two */
	struct node *diff, *deleted; /* members, or NULL; they live as long as the tree */
};

/*
 * Turn @diff, what rootfs-diff.tar holds, into the layer over the image @base: the deletions in
 * @deleted (a document, NULL for none) and the folders the diff left out.
 */
int archive_convert(struct tree *diff, const char *deleted, size_t len,
		    const struct archive_base *base, const struct firn_report *report,
		    struct firn_error *err) _must_check_;

#endif
