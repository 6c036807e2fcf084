/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A checkpoint image restored by Podman itself: the engine's archive is made of it (lib/export) and
 * goes to Podman's service as it is made. Nothing is mounted, and the container is Podman's.
 */
#ifndef FIRN_NODE_RESTORE_PODMAN_H
#define FIRN_NODE_RESTORE_PODMAN_H

#include "format/ref.h"

#include "firn/restore.h"

#include <stdbool.h>

#define RESTORE_PODMAN "podman" /* firn_restore_opts.runtime of this road */
bool restore_podman_is(const char *runtime);

/* A container that Podman has now; both strings are the caller's to free. */
struct podman_restored {
	char *id;
	char *socket; /* of the service */
	int pid;      /* 0: it has ended already */
};

/*
 * @pinned (may be NULL) is what is restored, and @image only named; @opts have how to mount. @name
 * may be NULL. -FIRN_EINVAL for what the options say and Podman can't be told, -FIRN_ENOTFOUND when
 * it hasn't the image that the container was made from, -FIRN_EHOST when it refuses.
 */
int restore_podman(const char *image, const struct ref *pinned, const char *name,
		   const struct firn_restore_opts *opts, struct podman_restored *ret,
		   struct firn_error *err) _must_check_;

/* Have it killed and removed again. */
int restore_podman_undo(const char *socket, const char *id, struct firn_error *err) _must_check_;

#endif
