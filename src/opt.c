/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One option as it stands on the command line, for messages: "--base" or "-f". */
struct seen {
	const struct opt *opt;
	void *into;
	char name[64];
};

const char *opt_value(const char *values, size_t i, size_t *ret_len)
{
	for (; i > 0; i--) {
		values = strchr(values, '|');
		if (!values)
			return NULL;
		values++;
	}
	*ret_len = strcspn(values, "|");
	return values;
}

static bool find_name(const struct opt_set *sets, size_t nsets, const char *name, size_t len,
		      struct seen *ret)
{
	for (size_t s = 0; s < nsets; s++)
		for (const struct opt *o = sets[s].table; o && o->type != OPT_NONE; o++)
			if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
				ret->opt = o;
				ret->into = sets[s].into;
				return true;
			}
	return false;
}

static bool find_letter(const struct opt_set *sets, size_t nsets, char letter, struct seen *ret)
{
	for (size_t s = 0; s < nsets; s++)
		for (const struct opt *o = sets[s].table; o && o->type != OPT_NONE; o++)
			if (o->letter && o->letter == letter) {
				ret->opt = o;
				ret->into = sets[s].into;
				return true;
			}
	return false;
}

static int store_uint(const struct seen *s, const char *text, struct firn_error *err)
{
	const struct opt *o = s->opt;
	uintmax_t v;
	char *end;

	errno = 0;
	v = strtoumax(text, &end, 10);
	/* strtoumax() takes blanks and a sign, which no number here has. */
	if (*text < '0' || *text > '9' || *end || errno || v < o->min || v > o->max)
		return fail(err, FIRN_EINVAL,
			    "%s: \"%s\" is no number from %" PRIu64 " to %" PRIu64, s->name, text,
			    o->min, o->max);
	*(uint64_t *)((char *)s->into + o->offset) = v;
	return 0;
}

static int store_enum(const struct seen *s, const char *text, struct firn_error *err)
{
	const char *value;
	size_t len;

	for (size_t i = 0; (value = opt_value(s->opt->values, i, &len)); i++)
		if (strlen(text) == len && memcmp(text, value, len) == 0) {
			*(int *)((char *)s->into + s->opt->offset) = (int)i;
			return 0;
		}
	return fail(err, FIRN_EINVAL, "%s: \"%s\" is none of %s", s->name, text, s->opt->values);
}

static int store_list(const struct seen *s, const char *text, struct firn_error *err)
{
	struct opt_list *list = (struct opt_list *)((char *)s->into + s->opt->offset);
	const char **items = reallocarray(list->items, list->n + 1, sizeof(*items));

	if (!items)
		return fail(err, FIRN_ENOMEM, "%s: out of memory", s->name);
	items[list->n++] = text;
	list->items = items;
	return 0;
}

/* @text is NULL for a flag. */
static int store(const struct seen *s, const char *text, struct firn_error *err)
{
	char *at = (char *)s->into + s->opt->offset;

	switch (s->opt->type) {
	case OPT_IS_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_IS_UINT:
		return store_uint(s, text, err);
	case OPT_IS_STR:
		if (!*text)
			return fail(err, FIRN_EINVAL, "%s: %s is empty", s->name, s->opt->arg);
		*(const char **)at = text;
		return 0;
	case OPT_IS_LIST:
		return store_list(s, text, err);
	case OPT_IS_ENUM:
		return store_enum(s, text, err);
	case OPT_NONE:
		break;
	}
	return 0;
}

/* "--name", "--name=value" or "--name value"; @next is NULL at the end. Returns words used. */
static int parse_long(const struct opt_set *sets, size_t nsets, const char *word, const char *next,
		      struct firn_error *err)
{
	const char *name = word + 2, *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	struct seen s;
	int rc;

	snprintf(s.name, sizeof(s.name), "%.*s", (int)(len + 2 < 64 ? len + 2 : 63), word);
	if (!find_name(sets, nsets, name, len, &s))
		return fail(err, FIRN_EINVAL, "there is no option %s", s.name);
	if (s.opt->type == OPT_IS_FLAG && eq)
		return fail(err, FIRN_EINVAL, "%s takes no value", s.name);
	if (s.opt->type == OPT_IS_FLAG || eq) {
		rc = store(&s, eq ? eq + 1 : NULL, err);
		return rc < 0 ? rc : 1;
	}
	if (!next)
		return fail(err, FIRN_EINVAL, "%s needs %s", s.name, s.opt->arg);
	rc = store(&s, next, err);
	return rc < 0 ? rc : 2;
}

/* "-f", "-fq", "-xVALUE" or "-x VALUE". Returns words used. */
static int parse_short(const struct opt_set *sets, size_t nsets, const char *word, const char *next,
		       struct firn_error *err)
{
	struct seen s;
	int rc;

	for (const char *p = word + 1; *p; p++) {
		snprintf(s.name, sizeof(s.name), "-%c", *p);
		if (!find_letter(sets, nsets, *p, &s))
			return fail(err, FIRN_EINVAL, "there is no option %s", s.name);
		if (s.opt->type != OPT_IS_FLAG) {
			if (!p[1] && !next)
				return fail(err, FIRN_EINVAL, "%s needs %s", s.name, s.opt->arg);
			rc = store(&s, p[1] ? p + 1 : next, err);
			return rc < 0 ? rc : p[1] ? 1 : 2;
		}
		rc = store(&s, NULL, err);
		if (rc < 0)
			return rc;
	}
	return 1;
}

int opt_parse(const struct opt_set *sets, size_t nsets, unsigned flags, int *argc, char **argv,
	      struct firn_error *err)
{
	int in = 0, out = 0, used;

	while (in < *argc) {
		char *word = argv[in], *next = in + 1 < *argc ? argv[in + 1] : NULL;

		if (strcmp(word, "--") == 0) {
			in++;
			break;
		}
		if (word[0] != '-' || !word[1]) {
			if (flags & OPT_STOP_AT_WORD)
				break;
			argv[out++] = argv[in++];
			continue;
		}
		used = word[1] == '-' ? parse_long(sets, nsets, word, next, err)
				      : parse_short(sets, nsets, word, next, err);
		if (used < 0)
			return used;
		in += used;
	}
	while (in < *argc)
		argv[out++] = argv[in++];
	*argc = out;
	return 0;
}

void opt_done(const struct opt_set *set)
{
	for (const struct opt *o = set->table; o && o->type != OPT_NONE; o++)
		if (o->type == OPT_IS_LIST) {
			struct opt_list *list = (struct opt_list *)((char *)set->into + o->offset);

			free(list->items);
			*list = (struct opt_list){ 0 };
		}
}
