/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What firn_mount() is made of, for those who mount more than one bundle. */
#ifndef FIRN_NODE_MOUNT_H
#define FIRN_NODE_MOUNT_H

#include "node/content.h"
#include "node/live.h"
#include "node/networks.h"

/* Complete options; what they say against each other is -FIRN_EINVAL. */
int mount_take_opts(const struct firn_mount_opts *given, struct firn_mount_opts *ret,
		    struct firn_error *err) _must_check_;

/*
 * Make the folder @dir if it isn't there, lock its record, and begin to mount there. It is empty,
 * and nothing is mounted on or below it.
 */
int mount_occupy(const char *state, const char *dir, enum live_what what, struct live **ret,
		 struct firn_error *err) _must_check_;

#define MOUNT_CGROUP_MAX 160

/* A cgroup of the container's name, if that is a plain one, or of the mount's: once the content is
 * there. */
void mount_cgroup(const struct content_source *source, const struct firn_mount_opts *opts,
		  const struct live *l, char ret[MOUNT_CGROUP_MAX]);

/* Mount a bundle on @dir; @opts are complete. @networks of its pod may be NULL. */
int mount_content(struct content_source *source, const char *dir,
		  const struct firn_mount_opts *opts, struct networks *networks,
		  struct firn_mounted **ret, struct firn_error *err) _must_check_;

#endif
