/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names from outside. path_normalise() is the only way from an archive's member name to a name that
 * firn uses; path_open_beneath() the only way from such a name to a file.
 */
#ifndef FIRN_BASE_PATH_H
#define FIRN_BASE_PATH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_NAME_MAX     255  /* one component: NAME_MAX of Linux */
#define PATH_MEMBER_MAX   4095 /* a whole member name: PATH_MAX less its NUL */
#define PATH_MEMBER_DEPTH 1024 /* components; deeper trees can't be walked by most tools */

/*
 * Turn @name ("./a//b/") into its plain relative form ("a/b"); "." and "" become "". Caller frees.
 * A ".." component, an absolute name, a NUL or one of the limits above is an error that quotes the
 * name (shortened, and with control bytes replaced).
 */
int path_normalise(const char *name, char **ret, struct firn_error *err) _must_check_;

/* Behind the last slash, or the whole name. */
const char *path_basename(const char *path);

/*
 * Open @name below @dirfd with @flags (O_CLOEXEC is added). No component may be a symbolic link and
 * none may leave the folder (openat2 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, or a walk of openat
 * with O_NOFOLLOW where the kernel refuses openat2). Returns the descriptor or -FIRN_E...
 */
int path_open_beneath(int dirfd, const char *name, int flags, unsigned mode,
		      struct firn_error *err) _must_check_;
/* The same for reading, and never across a mount point (RESOLVE_NO_XDEV): -FIRN_EUNSUPP. */
int path_open_inside(int dirfd, const char *name, int flags, struct firn_error *err) _must_check_;
/* As path_open_beneath(), a regular file that is there: anything else is -FIRN_ECORRUPT. */
int path_open_file(int dirfd, const char *name, int flags, uint64_t *ret_size,
		   struct firn_error *err) _must_check_;

#define PATH_QUOTE_MAX 96

/* @name between quotes for a message: control bytes as '?', shortened in the middle. Returns @ret.
 */
const char *path_quote(const char *name, char ret[PATH_QUOTE_MAX]);

#endif
