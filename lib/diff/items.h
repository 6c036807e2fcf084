/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values by a number and a name, to be walked beside those of another checkpoint. What has the same
 * key several times is paired in the order in which it came.
 */
#ifndef FIRN_DIFF_ITEMS_H
#define FIRN_DIFF_ITEMS_H

#include "base/error.h"

#include "firn/value.h"

#include <stddef.h>
#include <stdint.h>

struct diff_item {
	int64_t number;
	const char *name; /* borrowed, never NULL */
	const struct firn_value *value;
	size_t order;
};

struct diff_items {
	struct diff_item *list;
	size_t n, room;
};

void diff_items_done(struct diff_items *i);
int diff_items_add(struct diff_items *i, int64_t number, const char *name,
		   const struct firn_value *value, struct firn_error *err) _must_check_;
/* Before diff_items_merge() and diff_items_find(). */
void diff_items_sort(struct diff_items *i);
/* The first one of @number, or NULL. */
const struct firn_value *diff_items_find(const struct diff_items *i, int64_t number);

/* @a or @b is NULL for what the other one alone has. */
typedef void diff_items_fn(const struct firn_value *a, const struct firn_value *b, void *ctx);

void diff_items_merge(const struct diff_items *a, const struct diff_items *b, diff_items_fn *take,
		      void *ctx);

#endif
