/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What firn_restore() does, for those who restore more than one container. */
#ifndef FIRN_NODE_RESTORE_H
#define FIRN_NODE_RESTORE_H

#include "firn/restore.h"
#include "node/pod.h"

/* firn_restore() for a container of @pod (NULL: of none), whose image is that one's. */
int restore_image(const char *image, struct pod_image *pod, const char *name,
		  const struct firn_restore_opts *opts, struct firn_restored **ret,
		  struct firn_error *err) _must_check_;

/*
 * Kill what was restored and wait until nothing is left of it. @state as in firn_mount_opts.
 * -FIRN_EBUSY when its mounts stay.
 */
int restore_undo(const struct firn_restored *r, const char *state,
		 struct firn_error *err) _must_check_;

#endif
