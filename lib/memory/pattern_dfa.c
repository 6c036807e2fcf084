/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The automaton that reads bytes. Its states are sets of the other one's, found out when they are
 * needed; when there are too many, all are forgotten and it begins anew from where it is.
 */
#include "memory/pattern_priv.h"

#include "base/fd.h"

#include <string.h>

#define TABLE_SIZE (2 * PATTERN_STATES_MAX)

static uint64_t *set_of(const struct dfa *d, uint16_t state)
{
	return d->sets + state * d->words;
}

/* All that is reached from @from without a byte, into d->made. */
static void reach(struct dfa *d, uint16_t from)
{
	size_t n = 0;

	d->stack[n++] = from;
	while (n) {
		const uint16_t at = d->stack[--n];
		const struct nfa_state *s = &d->nfa.states[at];
		uint64_t *word = &d->made[at / 64];
		const uint64_t bit = 1ull << (at % 64);

		if (*word & bit)
			continue;
		*word |= bit;
		if (s->kind == NFA_SPLIT) {
			d->stack[n++] = s->other;
			d->stack[n++] = s->out;
		}
	}
}

static size_t hash(const struct dfa *d, const uint64_t *set)
{
	uint64_t h = 0;

	for (size_t i = 0; i < d->words; i++)
		h = (h ^ set[i]) * 0x9e3779b97f4a7c15ull;
	return (size_t)(h >> 40) % TABLE_SIZE;
}

/* The state whose set is d->made. There is room for it. */
static uint16_t intern(struct dfa *d)
{
	const size_t bytes = d->words * sizeof(*d->made);
	size_t at = hash(d, d->made);
	uint16_t state;

	for (; d->table[at]; at = (at + 1) % TABLE_SIZE)
		if (memcmp(set_of(d, d->table[at]), d->made, bytes) == 0)
			return d->table[at];
	state = d->n++;
	d->table[at] = state;
	memcpy(set_of(d, state), d->made, bytes);
	memset(d->next[state], 0xff, sizeof(d->next[state]));
	d->accepts[state] = d->made[0] & 1; /* the NFA's first state is the match */
	return state;
}

static void forget(struct dfa *d)
{
	const size_t bytes = d->words * sizeof(*d->made);

	memset(d->table, 0, TABLE_SIZE * sizeof(*d->table));
	memset(d->next[DFA_DEAD], 0, sizeof(d->next[DFA_DEAD]));
	d->n = DFA_START;
	memset(d->made, 0, bytes);
	reach(d, d->nfa.start);
	intern(d);
}

static bool is_empty(const struct dfa *d)
{
	for (size_t i = 0; i < d->words; i++)
		if (d->made[i])
			return false;
	return true;
}

uint16_t dfa_step_slow(struct dfa *d, uint16_t state, uint8_t byte)
{
	const uint64_t *set = set_of(d, state);
	uint16_t next;

	memset(d->made, 0, d->words * sizeof(*d->made));
	for (size_t i = 0; i < d->words; i++)
		for (uint64_t left = set[i]; left; left &= left - 1) {
			const size_t at = i * 64 + (size_t)__builtin_ctzll(left);
			const struct nfa_state *s = &d->nfa.states[at];

			if (s->kind == NFA_SET && set_has(&d->nfa.nodes[s->node].set, byte))
				reach(d, s->out);
		}
	if (d->anywhere)
		reach(d, d->nfa.start);
	if (is_empty(d)) {
		d->next[state][byte] = DFA_DEAD;
		return DFA_DEAD;
	}
	if (d->n < PATTERN_STATES_MAX) {
		next = intern(d);
		d->next[state][byte] = next;
		return next;
	}
	memcpy(d->spare, d->made, d->words * sizeof(*d->made));
	forget(d);
	memcpy(d->made, d->spare, d->words * sizeof(*d->made));
	return intern(d);
}

void dfa_done(struct dfa *d)
{
	free(d->nfa.states);
	free(d->sets);
	free(d->made);
	free(d->spare);
	free(d->stack);
	free(d->next);
	free(d->accepts);
	free(d->table);
	*d = (struct dfa){ 0 };
}

int dfa_init(struct dfa *d, const struct tree_of_nodes *t, bool back, bool anywhere,
	     struct firn_error *err)
{
	int rc = nfa_make(t, back, &d->nfa, err);

	if (rc < 0)
		return rc;
	d->anywhere = anywhere;
	d->words = (d->nfa.n + 63u) / 64;
	d->sets = calloc(PATTERN_STATES_MAX, d->words * sizeof(*d->sets));
	d->made = calloc(d->words, sizeof(*d->made));
	d->spare = calloc(d->words, sizeof(*d->spare));
	/* Each state is passed once, and puts down two at most. */
	d->stack = calloc(2 * (size_t)d->nfa.n + 1, sizeof(*d->stack));
	d->next = calloc(PATTERN_STATES_MAX, sizeof(*d->next));
	d->accepts = calloc(PATTERN_STATES_MAX, sizeof(*d->accepts));
	d->table = calloc(TABLE_SIZE, sizeof(*d->table));
	if (!d->sets || !d->made || !d->spare || !d->stack || !d->next || !d->accepts || !d->table)
		return firn_fail_oom(err, "regular expression");
	forget(d);
	return 0;
}
