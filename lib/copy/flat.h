/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The blobs of a dir: image (format/dir_image.h) as a store. Not for its own manifest.json. */
#ifndef FIRN_COPY_FLAT_H
#define FIRN_COPY_FLAT_H

#include "store/store.h"

/* @dirfd is borrowed. Who writes holds the folder's lock. */
int flat_open(int dirfd, bool writing, struct store **ret, struct firn_error *err) _must_check_;

#endif
