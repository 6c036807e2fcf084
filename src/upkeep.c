/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upkeep.h"

#include "util.h"

int upkeep_list(const struct firn_upkeep *u, const char *name, union out_value *ret,
		struct firn_error *err)
{
	const struct firn_value *list = firn_value_get(firn_upkeep_value(u), name);
	const char **items;
	size_t n = 0;

	for (const struct firn_value *v = firn_value_first(list); v; v = firn_value_next(v))
		n++;
	items = calloc(n + 1, sizeof(*items));
	if (!items)
		return fail(err, FIRN_ENOMEM, "out of memory");
	n = 0;
	for (const struct firn_value *v = firn_value_first(list); v; v = firn_value_next(v))
		items[n++] = firn_value_text(v);
	ret->list.items = items;
	ret->list.n = n;
	return 0;
}

uint64_t upkeep_number(const struct firn_upkeep *u, const char *name)
{
	return (uint64_t)firn_value_number(firn_value_get(firn_upkeep_value(u), name));
}

void upkeep_freep(struct firn_upkeep **u)
{
	*u = firn_upkeep_free(*u);
}
