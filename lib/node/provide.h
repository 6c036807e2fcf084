/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that config.json binds into the container and that the dumping engine had made for it:
 * /etc/hosts, /dev/shm and the like, made anew in the bundle's folder of provided files.
 */
#ifndef FIRN_NODE_PROVIDE_H
#define FIRN_NODE_PROVIDE_H

#include "format/spec.h"
#include "node/content.h"
#include "node/networks.h"

struct provide {
	const struct spec *spec;
	const struct content *content; /* has devshm-checkpoint.tar */
	int rootfs;                    /* the mounted one, to copy from; -1: none */
	int folder;                    /* where they go, empty; its path is */
	const char *path;              /* absolute */
	struct networks *networks;     /* of the other containers; may be NULL */
};

int provide_all(const struct provide *p, struct firn_error *err) _must_check_;

#endif
