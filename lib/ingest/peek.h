/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look at a checkpoint before it is read: which container it is of. Documents come early in most
 * archives, and a plain file's other members are stepped over.
 */
#ifndef FIRN_INGEST_PEEK_H
#define FIRN_INGEST_PEEK_H

#include "base/error.h"

/*
 * The container's name that the build of @path will find, which the caller frees; NULL in *ret when
 * there is none. An input that can't be read twice is -FIRN_EINVAL.
 */
int peek_container(const char *path, char **ret, struct firn_error *err) _must_check_;

/* That @path is there and can be read, as far as that shows without reading it. */
int peek_readable(const char *path, struct firn_error *err) _must_check_;

#endif
