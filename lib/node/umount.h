/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What firn_umount() does, for those who hold the folder's record. */
#ifndef FIRN_NODE_UMOUNT_H
#define FIRN_NODE_UMOUNT_H

#include "node/live.h"

/*
 * Take down what is mounted on the folder of @l, or on the folders in it, and end the record. When
 * one of the mounts is in use nothing is changed: -FIRN_EBUSY.
 */
int umount_live(struct live *l, const char *state, struct firn_error *err) _must_check_;

#endif
