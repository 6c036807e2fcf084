/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* firn_memory() and its like in pieces. For lib/memory alone. */
#ifndef FIRN_MEMORY_LOOK_H
#define FIRN_MEMORY_LOOK_H

#include "bytes/value.h"
#include "members/images.h"
#include "memory/mapped.h"
#include "memory/pattern.h"
#include "memory/space.h"

#include "firn/memory.h"

#define MEMORY_RESULT_MAX  (40u << 20) /* bytes of all that is told: vm.max_map_count areas fit */
#define MEMORY_CONTEXT_MAX 1024
#define MEMORY_MATCHES     10000       /* of a process, unless the caller says otherwise */
#define MEMORY_TEXTS_MAX   (18u << 20) /* bytes of these that are matches with their contexts */

/* One process of the checkpoint. */
struct process {
	const struct firn_memory_opts *opts;
	struct space *space;
	struct mapped mapped;
	bool warned; /* that something isn't there */
};

/* 1, or 0 when it has no memory. */
int process_open(struct members *m, uint32_t pid, const struct firn_memory_opts *opts,
		 struct process *ret, struct firn_error *err) _must_check_;
void process_done(struct process *p);
/* Somebody may want to know that a search or a copy isn't a whole one. */
void process_warn(struct process *p, const char *text);

/* "rw-p" */
#define PROTECTION_MAX 5
const char *memory_protection(const struct criu_area *a, char ret[PROTECTION_MAX]);
/* The options want something of it. */
bool process_wants(const struct process *p, const struct criu_area *a);

/* Bytes one behind the other that lie in one run and are wanted. */
struct extent {
	const struct space_run *run;
	uint64_t skip; /* in the run */
	uint64_t address, bytes;
};

/*
 * What it returns other than 0 ends the walk and is returned. Runs that aren't there come, too, but
 * for pages that CRIU compressed: -FIRN_EUNSUPP.
 */
typedef int extent_fn(const struct extent *e, void *ctx, struct firn_error *err);
int process_each(struct process *p, extent_fn *take, void *ctx,
		 struct firn_error *err) _must_check_;

/* Members of the process' object @to. */
int memory_tell_areas(struct process *p, struct doc *doc, struct firn_value *to,
		      struct firn_error *err) _must_check_;
/* *texts: bytes told so far, of all processes. */
int memory_tell_matches(struct process *p, struct pattern *pattern, struct doc *doc,
			struct firn_value *to, size_t *texts, struct firn_error *err) _must_check_;

#endif
