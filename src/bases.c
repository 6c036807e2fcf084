/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bases.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *behind_name(const char *text)
{
	const size_t len = strcspn(text, "=:/");

	return len && text[len] == '=' && access(text, F_OK) < 0 ? text + len + 1 : NULL;
}

int bases_sort(struct app *app, const struct opt_list *list, struct bases *ret,
	       struct firn_error *err)
{
	*ret = (struct bases){ .named = calloc(list->n + 1, sizeof(*ret->named)) };
	if (!ret->named)
		return fail(err, FIRN_ENOMEM, "out of memory");
	for (size_t i = 0; i < list->n; i++) {
		const char *text = list->items[i];

		if (behind_name(text))
			ret->named[ret->n++] = text;
		else if (ret->all)
			return misuse(app, err, "--base \"%s\": a second one for all containers",
				      text);
		else
			ret->all = text;
	}
	return 0;
}
