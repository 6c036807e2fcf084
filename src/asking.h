/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What build and restore have in common when Podman is asked: where, and how long. */
#ifndef FIRN_SRC_ASKING_H
#define FIRN_SRC_ASKING_H

#include "command.h"

#include <firn/podman.h>

struct asking_opts {
	const char *socket;
	uint64_t timeout;
};

#define ASKING_TIMEOUT_MAX (30 * 24 * 3600) /* s */

/* Rows of an option table for the member @m of struct @s. */
#define ASKING_OPTIONS(s, m)                                                                       \
	OPT_STR(0, "socket", s, m.socket, "FILE",                                                  \
		"The unix socket of Podman's service; without it $PODMAN_SOCKET, $CONTAINER_HOST " \
		"or the usual place"),                                                             \
	    OPT_UINT(0, "timeout", s, m.timeout, 1, ASKING_TIMEOUT_MAX, "SECONDS",                 \
		     "How long Podman may take to dump or to restore (3600)")

/*
 * The library's struct out of ours, with the environment's word on the socket. *ret_owned is what
 * the caller frees when ret isn't needed any more. -FIRN_EINVAL for what is no unix socket.
 */
int asking_fill(const struct asking_opts *o, unsigned flags, struct firn_podman_opts *ret,
		char **ret_owned, struct firn_error *err);

#endif
