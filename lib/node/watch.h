/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process in the background (node/background.h) that waits for the end of what was restored and
 * then takes its mounts down. Should it be killed, a container that it reads from has nobody to
 * write to, and what it would have done is done by the next restore under the same name or by
 * firn_umount().
 */
#ifndef FIRN_NODE_WATCH_H
#define FIRN_NODE_WATCH_H

#include "base/error.h"

#include <stdbool.h>

struct watch {
	int pidfd;  /* of the container's init, or of the process */
	int lock;   /* held as long as it runs */
	int writes; /* what it writes: its terminal's master or a pipe's end; -1: none */
	int output; /* where that goes; -1: nowhere */
	int lazy;   /* struct lazy; -1: all pages are in */
	/* What to do when all pages are in. NULL: that is already the end. */
	void (*all_in)(void *ctx);
	/* What to do at the end, in the watching process. Called once. */
	void (*ended)(void *ctx);
	void *ctx;
};

/* Descriptors are borrowed: the watching process has its own. */
int watch_start(const struct watch *w, struct firn_error *err) _must_check_;

#endif
