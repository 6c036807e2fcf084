/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pieces of an expression into states that lead to each other (Thompson's construction). */
#include "memory/pattern_priv.h"

#include "base/fd.h"

struct maker {
	const struct tree_of_nodes *tree;
	struct nfa *nfa;
	bool back;
	struct firn_error *err;
};

static int add(struct maker *m, enum nfa_kind kind, int out, int other)
{
	if (m->nfa->n == PATTERN_NFA_MAX)
		return firn_fail(m->err, FIRN_ELIMIT,
				 "regular expression: more than %d states, its repetitions written "
				 "out",
				 PATTERN_NFA_MAX);
	m->nfa->states[m->nfa->n] = (struct nfa_state){
		.kind = kind,
		.out = (uint16_t)out,
		.other = (uint16_t)other,
	};
	return m->nfa->n++;
}

/* States for @node that lead to @next. Returns the first one. */
static int emit(struct maker *m, uint16_t node, int next);

static int emit_or(struct maker *m, const struct node *node, int next)
{
	const int left = emit(m, node->left, next);
	const int right = left < 0 ? left : emit(m, node->right, next);

	return right < 0 ? right : add(m, NFA_SPLIT, left, right);
}

/* What has no states of its own ("a{0}") is there once, however often it is repeated. */
static int emit_repeat(struct maker *m, const struct node *node, int next)
{
	int first = next;

	if (node->max == PATTERN_INFINITE) {
		int body;

		first = add(m, NFA_SPLIT, next, next);
		body = first < 0 ? first : emit(m, node->left, first);
		if (body < 0)
			return body;
		m->nfa->states[first].out = (uint16_t)body;
	} else {
		for (unsigned i = node->min; first >= 0 && i < node->max; i++) {
			const int body = emit(m, node->left, first);

			if (body == first)
				break;
			first = body < 0 ? body : add(m, NFA_SPLIT, body, next);
		}
	}
	for (unsigned i = 0; first >= 0 && i < node->min; i++) {
		const int body = emit(m, node->left, first);

		if (body == first)
			break;
		first = body;
	}
	return first;
}

static int emit(struct maker *m, uint16_t at, int next)
{
	const struct node *node = &m->tree->nodes[at];
	int rc;

	switch (node->kind) {
	case NODE_SET:
		rc = add(m, NFA_SET, next, 0);
		if (rc >= 0)
			m->nfa->states[rc].node = at;
		return rc;
	case NODE_THEN:
		rc = emit(m, m->back ? node->left : node->right, next);
		return rc < 0 ? rc : emit(m, m->back ? node->right : node->left, rc);
	case NODE_OR:
		return emit_or(m, node, next);
	case NODE_REPEAT:
		break;
	}
	return emit_repeat(m, node, next);
}

int nfa_make(const struct tree_of_nodes *t, bool back, struct nfa *ret, struct firn_error *err)
{
	struct maker m = { .tree = t, .nfa = ret, .back = back, .err = err };
	int rc;

	ret->nodes = t->nodes;
	ret->states = calloc(PATTERN_NFA_MAX, sizeof(*ret->states));
	if (!ret->states)
		return firn_fail_oom(err, "regular expression");
	rc = add(&m, NFA_MATCH, 0, 0);
	if (rc >= 0)
		rc = emit(&m, t->top, rc);
	if (rc < 0)
		return rc;
	ret->start = (uint16_t)rc;
	return 0;
}
