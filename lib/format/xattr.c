/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/path.h"
#include "format/tree.h"

#include <stdlib.h>
#include <string.h>

/* Name and value lie in the same piece of memory, behind the struct. */
static struct xattr *xattr_new(const char *name, const void *value, size_t len)
{
	size_t name_size = strlen(name) + 1;
	struct xattr *x = malloc(sizeof(*x) + len + name_size);

	if (!x)
		return NULL;
	x->next = NULL;
	x->value = (uint8_t *)(x + 1);
	x->name = (char *)x->value + len;
	x->len = (uint32_t)len;
	if (len)
		memcpy(x->value, value, len);
	memcpy(x->name, name, name_size);
	return x;
}

int xattr_set(struct xattr **list, const char *name, const void *value, size_t len,
	      struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	struct xattr **at = NULL, *x;
	size_t count = 0;

	if (*name == '\0' || strlen(name) > TREE_XATTR_NAME_MAX)
		return firn_fail(err, FIRN_ELIMIT, "xattr %s: bad name", path_quote(name, quoted));
	if (len > TREE_XATTR_MAX)
		return firn_fail(err, FIRN_ELIMIT, "xattr %s: %zu bytes are too many",
				 path_quote(name, quoted), len);
	for (struct xattr **i = list; *i; i = &(*i)->next, count++)
		if (!at && strcmp((*i)->name, name) >= 0)
			at = i;
	if (at && strcmp((*at)->name, name) == 0)
		count--;
	if (count >= TREE_XATTRS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d xattrs", TREE_XATTRS_MAX);
	x = xattr_new(name, value, len);
	if (!x)
		return firn_fail_oom(err, "xattr");
	if (!at)
		for (at = list; *at;)
			at = &(*at)->next;
	x->next = *at;
	*at = x;
	if (x->next && strcmp(x->next->name, name) == 0) {
		struct xattr *old = x->next;

		x->next = old->next;
		free(old);
	}
	return 0;
}

bool xattr_is_overlay(const char *name)
{
	static const char *const prefixes[] = { "trusted.overlay.", "user.overlay." };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

void xattrs_freep(struct xattr **list)
{
	while (*list) {
		struct xattr *x = *list;

		*list = x->next;
		free(x);
	}
}
