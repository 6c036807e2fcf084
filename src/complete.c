/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complete.h"

#include <string.h>

static const struct {
	const char *word;
	enum complete_kind kind;
	bool whole; /* a part of another word is no such thing */
} kinds[] = {
	{ "oci:", COMPLETE_IMAGES, false },
	{ "IMAGE", COMPLETE_IMAGES, false },
	{ "CHECKPOINT", COMPLETE_IMAGES, false },
	{ "SOURCE", COMPLETE_IMAGES, false },
	{ "DESTINATION", COMPLETE_IMAGES, false },
	{ "A", COMPLETE_IMAGES, true },
	{ "B", COMPLETE_IMAGES, true },
	{ "FILE", COMPLETE_FILES, false },
	{ "COMMAND", COMPLETE_COMMANDS, false },
	{ "bash|zsh|fish", COMPLETE_SHELLS, false },
	{ "DIR", COMPLETE_DIRS, false },
};

enum complete_kind complete_kind(const char *arg, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (memmem(arg, len, kinds[i].word, strlen(kinds[i].word)) &&
		    (!kinds[i].whole || strlen(kinds[i].word) == len))
			return kinds[i].kind;
	return COMPLETE_NOTHING;
}

enum complete_kind complete_any(const struct command *c)
{
	enum complete_kind kind = COMPLETE_NOTHING, one;
	const char *arg;
	size_t len;

	for (size_t i = 0; (arg = complete_arg(c, i, &len)); i++) {
		one = complete_kind(arg, len);
		if (kind == COMPLETE_NOTHING || one == COMPLETE_IMAGES)
			kind = one;
	}
	return kind;
}

const char *complete_arg(const struct command *c, size_t i, size_t *ret_len)
{
	for (const char *p = c->args; *p; p += strspn(p, " ")) {
		*ret_len = strcspn(p, " ");
		if (i-- == 0)
			return p;
		p += *ret_len;
	}
	return NULL;
}

void complete_tables(const struct command *c, const struct opt *ret[4])
{
	size_t n = 0;

	if (c && c->options)
		ret[n++] = c->options;
	if (c && c->fields)
		ret[n++] = format_options;
	ret[n++] = global_options;
	ret[n] = NULL;
}
