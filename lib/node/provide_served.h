/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* node/provide.h for a bundle that firn shows itself: the files are made in its tree. */
#ifndef FIRN_NODE_PROVIDE_SERVED_H
#define FIRN_NODE_PROVIDE_SERVED_H

#include "format/spec.h"
#include "node/content.h"

/* Into the folder BUNDLE_PROVIDED of @to's root, made here. A network namespace is an empty file:
 * only root can bind one. */
int provide_served(const struct spec *spec, const struct content *content, struct served *to,
		   struct firn_error *err) _must_check_;

#endif
