/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/pattern.h"

#include "base/fd.h"
#include "memory/pattern_priv.h"

#include <string.h>

#define ANY_BYTE 256 /* more than one byte begins a match */

struct pattern {
	struct tree_of_nodes tree;
	struct dfa end;    /* from any byte on: accepts where a match ends */
	struct dfa start;  /* backwards, from any byte on: accepts where one starts */
	struct dfa extent; /* from the first byte of a match: accepts where it may end */
	int first;         /* the byte that every match begins with, or ANY_BYTE */
};

struct pattern *pattern_free(struct pattern *p)
{
	if (!p)
		return NULL;
	dfa_done(&p->end);
	dfa_done(&p->start);
	dfa_done(&p->extent);
	free(p->tree.nodes);
	free(p);
	return NULL;
}

void pattern_freep(struct pattern **p)
{
	*p = pattern_free(*p);
}

static int find_first(struct pattern *p)
{
	int first = ANY_BYTE;

	for (unsigned c = 0; c < 256; c++) {
		if (dfa_step(&p->end, DFA_START, (uint8_t)c) == DFA_START)
			continue;
		if (first != ANY_BYTE)
			return ANY_BYTE;
		first = (int)c;
	}
	return first;
}

int pattern_new(const void *text, size_t n, unsigned flags, struct pattern **ret,
		struct firn_error *err)
{
	_cleanup_(pattern_freep) struct pattern *p = calloc(1, sizeof(*p));
	int rc;

	if (!p || !(p->tree.nodes = calloc(PATTERN_NODES_MAX, sizeof(*p->tree.nodes))))
		return firn_fail_oom(err, "regular expression");
	if ((rc = pattern_parse(text, n, flags, &p->tree, err)) < 0 ||
	    (rc = dfa_init(&p->end, &p->tree, false, true, err)) < 0 ||
	    (rc = dfa_init(&p->start, &p->tree, true, true, err)) < 0 ||
	    (rc = dfa_init(&p->extent, &p->tree, false, false, err)) < 0)
		return rc;
	if (p->extent.accepts[DFA_START])
		return firn_fail(err, FIRN_EINVAL,
				 "regular expression: it matches where there is nothing");
	p->first = find_first(p);
	*ret = take_ptr(&p);
	return 0;
}

/* The next byte from @at on that may begin a match; @n when there is none. */
static size_t find_first_byte(const struct pattern *p, const uint8_t *bytes, size_t n, size_t at)
{
	const uint16_t *next = p->end.next[DFA_START];
	const uint8_t *found;

	if (p->first == ANY_BYTE) {
		while (at < n && next[bytes[at]] == DFA_START)
			at++;
		return at;
	}
	found = memchr(bytes + at, p->first, n - at);
	return found ? (size_t)(found - bytes) : n;
}

/* Behind the first byte that ends a match; @n + 1 when there is none. */
static size_t find_end(struct pattern *p, const uint8_t *bytes, size_t n, size_t from)
{
	uint16_t state = DFA_START;

	for (size_t i = from; i < n; i++) {
		if (state == DFA_START)
			i = find_first_byte(p, bytes, n, i);
		if (i == n)
			break;
		state = dfa_step(&p->end, state, bytes[i]);
		if (p->end.accepts[state])
			return i + 1;
	}
	return n + 1;
}

/* The leftmost byte of [from, to) at which a match starts that ends there, too; @to for none. */
static size_t find_start(struct pattern *p, const uint8_t *bytes, size_t from, size_t to)
{
	uint16_t state = DFA_START;
	size_t found = to;

	for (size_t i = to; i-- > from;) {
		state = dfa_step(&p->start, state, bytes[i]);
		if (p->start.accepts[state])
			found = i;
	}
	return found;
}

/* The last byte at which a match ends that starts at @from. */
static size_t find_extent(struct pattern *p, const uint8_t *bytes, size_t from, size_t to)
{
	uint16_t state = DFA_START;
	size_t found = from;

	for (size_t i = from; i < to && state != DFA_DEAD; i++) {
		state = dfa_step(&p->extent, state, bytes[i]);
		if (p->extent.accepts[state])
			found = i + 1;
	}
	return found;
}

int pattern_find(struct pattern *p, const uint8_t *bytes, size_t n, size_t from, size_t *ret_start,
		 size_t *ret_end)
{
	size_t end;

	for (; (end = find_end(p, bytes, n, from)) <= n; from = end) {
		size_t to;

		/* Any match that is further left than the one that ends here covers this place. */
		if (end - from > PATTERN_MATCH_MAX)
			from = end - PATTERN_MATCH_MAX;
		to = n - from > 2 * PATTERN_MATCH_MAX ? from + 2 * PATTERN_MATCH_MAX : n;
		*ret_start = find_start(p, bytes, from, to);
		/* What ends here may be too long: it has begun before. */
		if (*ret_start == to)
			continue;
		*ret_end = find_extent(p, bytes, *ret_start, to);
		return 1;
	}
	return 0;
}

bool pattern_skips_zeros(struct pattern *p)
{
	return dfa_step(&p->end, DFA_START, 0) == DFA_START;
}
