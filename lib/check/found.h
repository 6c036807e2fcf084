/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files below a root directory: a folder of this host, or one in a tree that was read out of an
 * image's layers and is mounted nowhere. Private to lib/check.
 */
#ifndef FIRN_CHECK_FOUND_H
#define FIRN_CHECK_FOUND_H

#include "bytes/stream.h"
#include "check/check.h"

#include <sys/stat.h>

struct found {
	int fd; /* O_PATH; -1: it is in a tree */
	const struct served *tree;
	const struct node *node; /* with the content, never a hard link */
};

#define FOUND_NONE                                                                                 \
	{                                                                                          \
		.fd = -1                                                                           \
	}
#define _found_ _cleanup_(found_done)

void found_done(struct found *f);

static inline bool found_has_root(const struct check_input *in)
{
	return in->rootfs >= 0 || in->tree;
}

#define FOUND_DENIED 2 /* whether it is there can't be told: we may not look */

/*
 * @path, absolute or not, below the root directory of @in (there must be one) as a process with
 * that root would open it: 1, 0 when it isn't there, or FOUND_DENIED and nothing.
 */
int found_open(const struct check_input *in, const char *path, struct found *ret,
	       struct firn_error *err) _must_check_;
/* The same below the folder @root of this host. */
int found_open_at(int root, const char *path, struct found *ret,
		  struct firn_error *err) _must_check_;
/* Where it is, below the root directory; NULL when that can't be told. Caller frees. */
char *found_name(const struct check_input *in, const struct found *f);

/* Its mode and size. */
int found_stat(const struct found *f, struct stat *ret, struct firn_error *err) _must_check_;
/* Whether it can't be written to, nor beside it, because its filesystem can't. A tree will be
 * mounted with something above it that can. */
bool found_is_read_only(const struct found *f);
/* Whether the filesystem of the root directory of @in is so. */
bool found_root_is_read_only(const struct check_input *in);
/* Its content, which borrows @f; NULL when it can't be had. */
struct source *found_content(const struct found *f);

#endif
