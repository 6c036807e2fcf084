/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes of ours that go on in the background: nobody's children, with a session of their own,
 * in "/", with no descriptor but the ones that are named, and deaf to what a terminal sends.
 */
#ifndef FIRN_NODE_BACKGROUND_H
#define FIRN_NODE_BACKGROUND_H

#include "base/error.h"

#include <stddef.h>

#define BACKGROUND_FDS_MAX 8
#define BACKGROUND_FD      3 /* the first of the descriptors, in their order */

struct background {
	const char *name;            /* of the process, 15 bytes */
	const char *what;            /* it does, for messages: "watch the container" */
	int fds[BACKGROUND_FDS_MAX]; /* borrowed, the process has its own; -1: none */
	size_t nfds;
	/* Descriptors (above 2) that stay open under their own numbers; then .fds may not be given.
	 */
	const int *keep;
	size_t nkeep;
	/* What it does. The process ends when this returns. */
	void (*run)(void *ctx);
	void *ctx;
};

int background_start(const struct background *b, struct firn_error *err) _must_check_;

#endif
