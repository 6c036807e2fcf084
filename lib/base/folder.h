/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Folders of firn's own on this host (cache, state): made when they aren't there. */
#ifndef FIRN_BASE_FOLDER_H
#define FIRN_BASE_FOLDER_H

#include "base/error.h"

/*
 * Open the folder @path; it is made with @mode, what is missing above it with 0755. Returns the
 * descriptor (O_RDONLY), or -FIRN_E...
 */
int folder_make(const char *path, unsigned mode, struct firn_error *err) _must_check_;

/*
 * The same, for what only its owner may change: a folder of another user, or one that group or
 * others can write to, is -FIRN_EINVAL.
 */
int folder_make_private(const char *path, unsigned mode, struct firn_error *err) _must_check_;

#endif
