/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The container's /dev/shm as it was: Podman saves it in devshm-checkpoint.tar, CRIU doesn't. */
#ifndef FIRN_NODE_SHM_H
#define FIRN_NODE_SHM_H

#include "base/error.h"

#define SHM_ARCHIVE "devshm-checkpoint.tar"

/*
 * Unpack the tar in the open file @archive into the folder @root. Nothing is followed and nothing
 * replaced, so no name leaves the folder; files, folders, links
 * and pipes only.
 */
int shm_fill(int root, int archive, struct firn_error *err) _must_check_;

#endif
