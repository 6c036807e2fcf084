/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folders of view/copied.h: found, or made and named. Private to copied*.c. */
#ifndef FIRN_VIEW_COPIED_MAKE_H
#define FIRN_VIEW_COPIED_MAKE_H

#include "bytes/digest.h"
#include "view/index.h"

#define COPIED_KEY_MAX 80

struct copied {
	char key[COPIED_KEY_MAX];
	struct tree *tree; /* contents lie in fd */
	int fd;
	/* What the bytes [at, at + size) of fd must be, or alg 0 when nobody knows. */
	struct digest proof;
	uint64_t at, size;
};

/* 1 and the mounted tree, or 0 when there is none of that key. */
int copied_find(const struct view *v, const char *key, struct view_mount *ret,
		struct firn_error *err) _must_check_;
/* Make it and mount it; or wait for the process that makes it. */
int copied_make(const struct view *v, const struct copied *c, struct view_mount *ret,
		struct firn_error *err) _must_check_;

#endif
