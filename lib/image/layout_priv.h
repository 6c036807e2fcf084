/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files layout*.c share. Private to lib/image. */
#ifndef FIRN_IMAGE_LAYOUT_PRIV_H
#define FIRN_IMAGE_LAYOUT_PRIV_H

#include "image/layout.h"

#define LAYOUT_MARK     "oci-layout"
#define LAYOUT_INDEX    "index.json"
#define LAYOUT_MARK_MAX 4096 /* bytes of an oci-layout file; 30 are usual */

struct layout {
	char *path; /* as the caller wrote it */
	int fd;     /* the folder, or an archive's file; -1: an archive that is in no file */
	int lock;   /* the folder once more, locked: layout_lock(); else -1 */
	unsigned flags;
	char *made_root; /* absolute path of the folder, when it was made here */
	struct store *store;
	char *index; /* an archive's index.json, else NULL: the folder's is read anew each time */
	size_t index_len;
	bool packed; /* an archive that is compressed */
};

/* Whether the content of an oci-layout file is one that is understood here. */
int layout_check_mark(const char *text, size_t len, struct firn_error *err) _must_check_;
/* The position of the first entry with @tag, or -1. */
ssize_t layout_find_tag(const struct oci_index *index, const char *tag);

#endif
