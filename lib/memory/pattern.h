/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is looked for in memory: bytes, or a regular expression over bytes. Memory is hostile and
 * large, so that matching must neither take more than linear time nor more than a fixed amount of
 * memory, which regexec(3) does not promise; nor does it take NULs. Here the expression becomes an
 * automaton whose states are made as they are met, PATTERN_STATES_MAX at a time.
 *
 * Expressions are POSIX extended ones: alternatives, groups, * + ? {m,n}, bracket expressions with
 * ranges and classes ([:alpha:]). \n \t \r \f \v \a \xNN stand for bytes, \d \w \s (\D \W \S) for
 * classes, in brackets too. The dot, [^...] and \D \W \S match neither NUL nor newline, so that
 * they stay in one text. There are no back-references, and ^ and $ mean nothing in memory.
 */
#ifndef FIRN_MEMORY_PATTERN_H
#define FIRN_MEMORY_PATTERN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_TEXT_MAX   1024 /* bytes of an expression or of what is looked for */
#define PATTERN_MATCH_MAX  4096 /* bytes of a match; a longer one may be cut, or missed */
#define PATTERN_STATES_MAX 1024 /* of each of its three automata */

enum pattern_flags {
	PATTERN_REGEX = 1 << 0,
	PATTERN_IGNORE_CASE = 1 << 1, /* of ASCII's letters */
};

struct pattern;

/* -FIRN_EINVAL for what is no expression, or matches nothing at all. @text needn't end. */
int pattern_new(const void *text, size_t n, unsigned flags, struct pattern **ret,
		struct firn_error *err) _must_check_;
struct pattern *pattern_free(struct pattern *p);
void pattern_freep(struct pattern **p);

/*
 * The leftmost match in bytes[from, n) and the longest one there: 1 and its [*ret_start, *ret_end),
 * or 0. @from on, no byte matters that is further before it.
 */
int pattern_find(struct pattern *p, const uint8_t *bytes, size_t n, size_t from, size_t *ret_start,
		 size_t *ret_end);

/* No match begins with a zero byte. */
bool pattern_skips_zeros(struct pattern *p);

#endif
