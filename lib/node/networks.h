/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The network namespaces of containers that are mounted one after another: those that had one
 * together on the dumping host have one together here. Each is known by the path that it had there.
 */
#ifndef FIRN_NODE_NETWORKS_H
#define FIRN_NODE_NETWORKS_H

#include "base/error.h"

#include <stddef.h>

struct networks {
	struct network {
		char *was;
		int ns; /* keeps it alive */
	} * list;
	size_t n;
};

void networks_done(struct networks *n);

/*
 * Bind the namespace that stands for @was to the existing empty file @path: the one of an earlier
 * call, or a fresh one. Without @n (NULL), or without @was, it is always a fresh one.
 */
int networks_bind(struct networks *n, const char *was, const char *path,
		  struct firn_error *err) _must_check_;

#endif
