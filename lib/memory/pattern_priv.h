/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the text of a pattern to its automata: lib/memory/pattern*.c alone. */
#ifndef FIRN_MEMORY_PATTERN_PRIV_H
#define FIRN_MEMORY_PATTERN_PRIV_H

#include "memory/pattern.h"

#define PATTERN_NODES_MAX  (4 * PATTERN_TEXT_MAX)
#define PATTERN_NFA_MAX    4096 /* states, once all repetitions are written out */
#define PATTERN_DEPTH_MAX  100  /* groups in groups */
#define PATTERN_REPEAT_MAX 255  /* RE_DUP_MAX of POSIX */
#define PATTERN_INFINITE   (PATTERN_REPEAT_MAX + 1)

struct byte_set {
	uint8_t bits[32];
};

static inline bool set_has(const struct byte_set *s, uint8_t byte)
{
	return s->bits[byte / 8] >> (byte % 8) & 1;
}

static inline void set_add(struct byte_set *s, unsigned byte)
{
	s->bits[byte / 8] |= (uint8_t)(1u << (byte % 8));
}

enum node_kind { NODE_SET, NODE_THEN, NODE_OR, NODE_REPEAT };

/* A piece of the expression; all lie in one array, which the last one is the top of. */
struct node {
	enum node_kind kind;
	uint16_t left, right; /* THEN, OR; left: REPEAT */
	uint16_t min, max;    /* REPEAT */
	struct byte_set set;  /* SET */
};

struct tree_of_nodes {
	struct node *nodes; /* PATTERN_NODES_MAX */
	uint16_t n, top;
};

int pattern_parse(const uint8_t *text, size_t n, unsigned flags, struct tree_of_nodes *t,
		  struct firn_error *err) _must_check_;

enum nfa_kind { NFA_SET, NFA_SPLIT, NFA_MATCH };

struct nfa_state {
	enum nfa_kind kind;
	uint16_t out, other; /* other: SPLIT */
	uint16_t node;       /* SET: whose set */
};

struct nfa {
	const struct node *nodes;
	struct nfa_state *states;
	uint16_t n, start;
};

/* @back: of the expression read from its end. */
int nfa_make(const struct tree_of_nodes *t, bool back, struct nfa *ret,
	     struct firn_error *err) _must_check_;

/* A state: what may be under way, as bits of the NFA's. */
struct dfa {
	struct nfa nfa;
	bool anywhere;          /* a match may begin at each byte */
	size_t words;           /* of a set */
	uint64_t *sets;         /* PATTERN_STATES_MAX */
	uint64_t *made, *spare; /* a set under construction */
	uint16_t *stack;
	uint16_t (*next)[256]; /* DFA_UNKNOWN: to be found out */
	bool *accepts;
	uint16_t *table; /* by hash, 0: free */
	uint16_t n;
};

#define DFA_DEAD    0
#define DFA_START   1
#define DFA_UNKNOWN UINT16_MAX

int dfa_init(struct dfa *d, const struct tree_of_nodes *t, bool back, bool anywhere,
	     struct firn_error *err) _must_check_;
void dfa_done(struct dfa *d);
/* The state behind @byte. States that were known before may be forgotten. */
uint16_t dfa_step_slow(struct dfa *d, uint16_t state, uint8_t byte);

static inline uint16_t dfa_step(struct dfa *d, uint16_t state, uint8_t byte)
{
	const uint16_t next = d->next[state][byte];

	return next == DFA_UNKNOWN ? dfa_step_slow(d, state, byte) : next;
}

#endif
