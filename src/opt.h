/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options as typed data: one table row holds letter, name, type, range, help and where the value
 * goes. The same rows drive parsing, --help, completion and the comparison with the man pages.
 *
 * Values land in a struct the caller has zeroed; strings are borrowed from argv. What an option
 * takes is named by its @arg, and completion goes by that name: DIR, FILE, IMAGE.
 */
#ifndef FIRN_SRC_OPT_H
#define FIRN_SRC_OPT_H

#include "util.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type { OPT_NONE, OPT_IS_FLAG, OPT_IS_UINT, OPT_IS_STR, OPT_IS_LIST, OPT_IS_ENUM };

/* All values of an option that may be repeated; opt_done() frees the array. */
struct opt_list {
	const char **items;
	size_t n;
};

struct opt {
	enum opt_type type;
	char letter; /* 0: no short form */
	bool hidden; /* neither in --help nor in completion */
	const char *name, *arg, *help;
	const char *values; /* "auto|bar": what an enum may be; its value is the position */
	size_t offset;
	uint64_t min, max;
};

/* The offset of a member, which must have type @want: pointers of other types don't compare. */
#define OPT_AT(s, m, want) (offsetof(s, m) + 0 * sizeof((want *)0 == (__typeof__(((s *)0)->m) *)0))

#define OPT_FLAG(l, n, s, m, h)                                                                    \
	{                                                                                          \
		.type = OPT_IS_FLAG, .letter = l, .name = n, .help = h,                            \
		.offset = OPT_AT(s, m, bool)                                                       \
	}
#define OPT_UINT(l, n, s, m, lo, hi, a, h)                                                         \
	{                                                                                          \
		.type = OPT_IS_UINT, .letter = l, .name = n, .help = h, .arg = a, .min = lo,       \
		.max = hi, .offset = OPT_AT(s, m, uint64_t)                                        \
	}
#define OPT_STR(l, n, s, m, a, h)                                                                  \
	{                                                                                          \
		.type = OPT_IS_STR, .letter = l, .name = n, .help = h, .arg = a,                   \
		.offset = OPT_AT(s, m, const char *)                                               \
	}
#define OPT_LIST(l, n, s, m, a, h)                                                                 \
	{                                                                                          \
		.type = OPT_IS_LIST, .letter = l, .name = n, .help = h, .arg = a,                  \
		.offset = OPT_AT(s, m, struct opt_list)                                            \
	}
#define OPT_ENUM(l, n, s, m, v, a, h)                                                              \
	{                                                                                          \
		.type = OPT_IS_ENUM, .letter = l, .name = n, .help = h, .arg = a, .values = v,     \
		.offset = OPT_AT(s, m, int)                                                        \
	}
#define OPT_END                                                                                    \
	{                                                                                          \
		.type = OPT_NONE                                                                   \
	}

/* A table and the struct its rows write to. A NULL table is an empty one. */
struct opt_set {
	const struct opt *table;
	void *into;
};

enum opt_flags {
	OPT_STOP_AT_WORD = 1 << 0, /* the first word that is no option ends it (a verb comes) */
};

/*
 * Take the options out of @argv; the words left stay in order, *@argc of them. "--" ends the
 * options, "-" is a word. Returns 0 or -FIRN_EINVAL; the first @nsets that knows a name wins.
 */
int opt_parse(const struct opt_set *sets, size_t nsets, unsigned flags, int *argc, char **argv,
	      struct firn_error *err);

/* Free what opt_parse() allocated for @set. */
void opt_done(const struct opt_set *set);

/* The @i-th of "a|b|c" (its length in @ret_len), or NULL. */
const char *opt_value(const char *values, size_t i, size_t *ret_len);

#endif
