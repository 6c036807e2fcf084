/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diff/items.h"

#include <stdlib.h>
#include <string.h>

void diff_items_done(struct diff_items *i)
{
	free(i->list);
	*i = (struct diff_items){ 0 };
}

int diff_items_add(struct diff_items *i, int64_t number, const char *name,
		   const struct firn_value *value, struct firn_error *err)
{
	if (i->n == i->room) {
		const size_t room = i->room ? 2 * i->room : 16;
		struct diff_item *grown = reallocarray(i->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "differences");
		i->list = grown;
		i->room = room;
	}
	i->list[i->n] = (struct diff_item){ number, name ? name : "", value, i->n };
	i->n++;
	return 0;
}

static int by_key(const struct diff_item *x, const struct diff_item *y)
{
	return x->number != y->number ? (x->number > y->number) - (x->number < y->number)
				      : strcmp(x->name, y->name);
}

static int in_order(const void *a, const void *b)
{
	const struct diff_item *x = a, *y = b;
	const int order = by_key(x, y);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

void diff_items_sort(struct diff_items *i)
{
	if (i->n)
		qsort(i->list, i->n, sizeof(*i->list), in_order);
}

const struct firn_value *diff_items_find(const struct diff_items *i, int64_t number)
{
	size_t from = 0, to = i->n;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;

		if (i->list[mid].number < number)
			from = mid + 1;
		else
			to = mid;
	}
	return from < i->n && i->list[from].number == number ? i->list[from].value : NULL;
}

void diff_items_merge(const struct diff_items *a, const struct diff_items *b, diff_items_fn *take,
		      void *ctx)
{
	size_t x = 0, y = 0;

	while (x < a->n || y < b->n) {
		int order = 0;

		if (x == a->n)
			order = 1;
		else if (y == b->n)
			order = -1;
		else
			order = by_key(&a->list[x], &b->list[y]);
		take(order <= 0 ? a->list[x].value : NULL, order >= 0 ? b->list[y].value : NULL,
		     ctx);
		x += order <= 0;
		y += order >= 0;
	}
}
