/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is to be built, one item a container, complete: of several containers each has a name that
 * none of the others has, and the base that was given for it. All that can be known to be wrong
 * without reading a checkpoint is found here, before the first one is read.
 */
#ifndef FIRN_INGEST_ITEMS_H
#define FIRN_INGEST_ITEMS_H

#include "base/error.h"

#include "firn/build.h"

#include <stddef.h>

struct items {
	struct firn_build_item *list; /* strings are the caller's, but what is in owned[] */
	char **owned;                 /* names found in checkpoints; NULL: the caller's */
	size_t n;
};

void items_done(struct items *it);

/* @given has @n items, whose strings are borrowed, as are those of @opts. */
int items_take(const struct firn_build_item *given, size_t n, const struct firn_build_opts *opts,
	       struct items *ret, struct firn_error *err) _must_check_;

#endif
