/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments of the form NAME=VALUE, for one of several containers. */
#ifndef FIRN_SRC_BASES_H
#define FIRN_SRC_BASES_H

#include "command.h"

/*
 * Behind the '=' of "NAME=VALUE", or NULL. What exists is a path, whatever it looks like; and names
 * have none of the characters that a path or reference may have before its first '='.
 */
const char *behind_name(const char *text);

/* What the option --base says. */
struct bases {
	const char *all;    /* "IMAGE"; NULL: none */
	const char **named; /* "NAME=IMAGE" each; the caller frees the array */
	size_t n;
};

/* @ret->named has to be freed after a failure too. */
int bases_sort(struct app *app, const struct opt_list *list, struct bases *ret,
	       struct firn_error *err);

#endif
