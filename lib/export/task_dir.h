/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder that containerd's task API and CRI restore from: checkpoint/ with CRIU's images (older
 * dumps of a chain beside it), the metadata, rootfs-diff.tar. That is R's delta layer as it lies in
 * the store, since its reader takes a changeset, packed or not.
 */
#ifndef FIRN_EXPORT_TASK_DIR_H
#define FIRN_EXPORT_TASK_DIR_H

#include "export/folder_out.h"
#include "image/image.h"

/* Every blob that was used is proven when this returns 0. *ret_engine is static. */
int task_dir_write(struct store *s, const struct checkpoint_image *ci, struct work *w,
		   struct folder_out *out, const char **ret_engine,
		   struct firn_error *err) _must_check_;

#endif
