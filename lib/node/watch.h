/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process in the background that waits for a container's end and then takes its mounts down. It
 * is nobody's child, has a session of its own, stands in "/", and keeps no descriptor but the ones
 * named here. Should it be killed, a container that it reads from has nobody to write to, and what
 * it would have done is done by the next restore under the same name or by firn_umount().
 */
#ifndef FIRN_NODE_WATCH_H
#define FIRN_NODE_WATCH_H

#include "base/error.h"

struct watch {
	int pidfd;  /* of the container's init */
	int lock;   /* held as long as the container runs */
	int writes; /* what the container writes: its terminal's master or a pipe's end; -1: none */
	int output; /* where that goes; -1: nowhere */
	/* What to do at the end, in the watching process. Called once. */
	void (*ended)(void *ctx);
	void *ctx;
};

/* Descriptors are borrowed: the watching process has its own. */
int watch_start(const struct watch *w, struct firn_error *err) _must_check_;

#endif
