/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checkpoints that firn shows itself, through FUSE, where the kernel mounts nothing for it: a
 * process in the background that answers until it is unmounted. What it shows is read-only.
 */
#ifndef FIRN_NODE_SERVE_H
#define FIRN_NODE_SERVE_H

#include "node/content.h"
#include "node/live.h"

/*
 * The whole bundle on the folder of @l, for an ordinary user. *ret_rootfs: whether it has one. What
 * a failure leaves is teardown()'s.
 */
int serve_bundle(struct content_source *source, const struct view *v,
		 const struct firn_mount_opts *opts, const struct live *l, bool *ret_rootfs,
		 struct firn_error *err) _must_check_;

/*
 * As root: content_mount() with one file system of ours in place of the kernel's own, data and
 * rootfs merged into a layer each.
 */
int serve_layers(struct content_source *source, const struct view *v, struct stage *stage,
		 struct content *ret, struct firn_error *err) _must_check_;

/* Answer for the finished @s (taken) on @connection (taken) in the background. */
int serve_start(struct served *s, int connection, struct firn_error *err) _must_check_;

#endif
