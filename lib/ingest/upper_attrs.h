/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The extended attributes of one file of an upper directory: those that the container's files have,
 * and what overlayfs says with its own. Private to upper*.c.
 */
#ifndef FIRN_INGEST_UPPER_ATTRS_H
#define FIRN_INGEST_UPPER_ATTRS_H

#include "format/tree.h"
#include "ingest/notes.h"

#define UPPER_LIST_MAX 65536 /* bytes of all names: XATTR_LIST_MAX */

enum upper_mark {
	UPPER_OPAQUE = 1 << 0,    /* hides what the layers below have in the folder */
	UPPER_WHITEOUTS = 1 << 1, /* the folder may have whiteouts that are empty files */
	UPPER_WHITEOUT = 1 << 2,  /* such a file */
};

struct upper_attrs {
	struct notes *notes; /* borrowed */
	char *list;
	uint8_t *value;
	struct xattr *xattrs; /* of the file that was read last */
	unsigned marks;       /* enum upper_mark */
};

int upper_attrs_open(struct upper_attrs *a, struct notes *notes,
		     struct firn_error *err) _must_check_;
void upper_attrs_done(struct upper_attrs *a);

/* Read those of the open file @fd (O_PATH will do); @path is its name in what is said. */
int upper_attrs_read(struct upper_attrs *a, int fd, const char *path,
		     struct firn_error *err) _must_check_;

/* Whether this process sees attributes that begin with "trusted." at all. */
bool upper_attrs_trusted(void);

#endif
