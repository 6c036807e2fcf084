/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complete.h"

#include <string.h>

static const struct {
	const char *word;
	enum complete_kind kind;
} kinds[] = {
	{ "oci:DIR:TAG", COMPLETE_IMAGES }, { "IMAGE", COMPLETE_IMAGES },
	{ "CHECKPOINT", COMPLETE_FILES },   { "FILE", COMPLETE_FILES },
	{ "COMMAND", COMPLETE_COMMANDS },   { "bash|zsh|fish", COMPLETE_SHELLS },
	{ "DIR", COMPLETE_DIRS },
};

enum complete_kind complete_kind(const char *arg, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (memmem(arg, len, kinds[i].word, strlen(kinds[i].word)))
			return kinds[i].kind;
	return COMPLETE_NOTHING;
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
