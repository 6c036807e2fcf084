/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * firn_diff() in pieces. What lib/look tells of both checkpoints is compared by name and number
 * first, and then forgotten; filesystem deltas and memory come behind it. "a" and "b" are the two
 * in all names. For lib/diff alone.
 */
#ifndef FIRN_DIFF_DIFF_H
#define FIRN_DIFF_DIFF_H

#include "diff/delta.h"
#include "diff/pages.h"
#include "diff/section.h"
#include "members/members.h"

#include "firn/diff.h"

#define DIFF_SIDE_MAX (18u << 20) /* bytes of what is told of one checkpoint */

struct diff_side {
	const char *text; /* as the caller gave it */
	struct members *members;
	struct doc *doc;                    /* NULL once all of it is compared */
	const struct firn_value *container; /* in doc */
	bool changeset;                     /* its delta has whiteouts */
	struct diff_delta delta;
	bool delta_packed;      /* it passes with the pages */
	struct firn_error over; /* code: the delta is more than can be compared */
	struct pages *pages;    /* NULL: memory isn't wanted */
};

/* A process of A and what became of it in B. */
struct diff_pair {
	uint32_t a, b;                        /* pids, 0: none */
	const char *command;                  /* in the result's doc, NULL: unknown */
	const struct firn_value *of_a, *of_b; /* as long as the sides' docs are there */
};

struct diff {
	struct diff_side a, b;
	struct sip_key salt; /* of all hashes that are compared */
	struct firn_diff_opts opts;
	struct teller t;
	struct diff_pair *pairs; /* by pid: those of both, then what is gone, then what is new */
	size_t npairs, pairs_room;
};

/* All of it into d->t: the sides' text and members are there, both are freed by diff_done(). */
int diff_compare(struct diff *d, struct firn_error *err) _must_check_;
void diff_done(struct diff *d);

/* Images, engines, hosts; what is mounted. */
int diff_world(struct diff *d, struct firn_error *err) _must_check_;
/* Pairs the processes, and tells how they differ. */
int diff_tasks(struct diff *d, struct firn_error *err) _must_check_;
/* Open files, sockets, environments of the processes that both have. */
int diff_files(struct diff *d, struct firn_error *err) _must_check_;
int diff_environment(struct diff *d, struct firn_error *err) _must_check_;
/* "pid", "pid_b" where it is another one, "command". */
void diff_tell_pair(struct diff *d, struct firn_value *to, const struct diff_pair *p);

/* What is found of the sides' keyed lists, by how entries of one kind are told. */
struct diff_kind {
	const struct field *about; /* that an entry is told by */
	size_t nabout;
	const struct field *fields; /* that are compared */
	size_t nfields;
};

/* For diff_items_merge(). */
struct diff_merge {
	struct diff *diff;
	struct section *section;
	const struct diff_kind *kind;
	const struct diff_pair *pair; /* NULL: of no process */
};

void diff_take_items(const struct firn_value *a, const struct firn_value *b, void *ctx);

#endif
