/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Podman's checkpoints may hold the content of the container's named volumes (volumes/NAME.tar).
 * Volumes are the host's: firn binds what is in their places and never writes to them.
 */
#ifndef FIRN_NODE_VOLUMES_H
#define FIRN_NODE_VOLUMES_H

#include "format/spec.h"
#include "node/content.h"

/* Warn of each volume of @spec whose content in the checkpoint is not what the container gets. */
int volumes_tell(const struct content *c, const struct spec *spec, const struct firn_report *report,
		 struct firn_error *err) _must_check_;

#endif
