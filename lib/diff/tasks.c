/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which process of B is which one of A: the one of the same number and program; of the others one
 * of the same program and command line; then one of the same name. A restored container has its
 * numbers again, a new one of the same image hasn't.
 */
#include "diff/diff.h"

#include "base/fd.h"

#include <stdlib.h>
#include <string.h>

struct task {
	uint32_t pid;
	bool paired;
	const struct firn_value *value;
	const char *command, *exe, *line;
};

struct tasks {
	struct task *list;
	size_t n, room;
};

#define NUMBERS                                                                                    \
	3 /* fields at the beginning: of a process with another number they mean nothing           \
	   */

static const struct field task_fields[] = {
	{ .name = "ppid" },
	{ .name = "pgid" },
	{ .name = "sid" },
	{ .name = "command" },
	{ .name = "cmdline", .flags = FIELD_IF_KNOWN },
	{ .name = "exe" },
	{ .name = "cwd" },
	{ .name = "root" },
	{ .name = "threads" },
	{ .name = "task_state" },
	{ .name = "stop_signal" },
	{ .name = "exit_code" },
	{ .name = "uid" },
	{ .name = "gid" },
	{ .name = "euid" },
	{ .name = "egid" },
	{ .name = "capabilities" },
	{ .name = "no_new_privileges" },
	{ .name = "lsm_profile" },
	{ .name = "seccomp" },
	{ .name = "oom_score_adj" },
	{ "memory", "areas", "memory_areas", 0 },
	{ "memory", "size", "memory_size", 0 },
};

static const struct field alone_fields[] = {
	{ .name = "pid" },
	{ .name = "command" },
	{ .name = "cmdline" },
	{ .name = "exe" },
};

static void tasks_done(struct tasks *t)
{
	free(t->list);
}

static const char *text(const struct firn_value *v, const char *name)
{
	return firn_value_text(firn_value_get(v, name)) ?: "";
}

/* The tree has no more levels than INSPECT_DEPTH_MAX. */
static int collect(const struct firn_value *v, struct tasks *to, struct firn_error *err)
{
	const struct firn_value *c = firn_value_first(firn_value_get(v, "children"));
	int rc = 0;

	if (!v)
		return 0;
	if (to->n == to->room) {
		const size_t room = to->room ? 2 * to->room : 16;
		struct task *grown = reallocarray(to->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "processes");
		to->list = grown;
		to->room = room;
	}
	to->list[to->n++] = (struct task){
		.pid = (uint32_t)firn_value_number(firn_value_get(v, "pid")),
		.value = v,
		.command = text(v, "command"),
		.exe = text(v, "exe"),
		.line = text(v, "cmdline"),
	};
	for (; rc == 0 && c; c = firn_value_next(c))
		rc = collect(c, to, err);
	return rc;
}

typedef int order_fn(const struct task *x, const struct task *y);

static int by_pid(const struct task *x, const struct task *y)
{
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_number_and_program(const struct task *x, const struct task *y)
{
	const int order = by_pid(x, y);

	/* One that has ended has no program, but a name. */
	return order                ? order
	       : *x->exe || *y->exe ? strcmp(x->exe, y->exe)
				    : strcmp(x->command, y->command);
}

static int by_line(const struct task *x, const struct task *y)
{
	const int order = strcmp(x->exe, y->exe);

	return order ? order : strcmp(x->line, y->line);
}

static int by_command(const struct task *x, const struct task *y)
{
	return strcmp(x->command, y->command);
}

static int compare(const void *a, const void *b, void *ctx)
{
	const struct task *x = a, *y = b;
	order_fn *const *order = ctx;
	int found;

	/* Those that have found each other come behind all that haven't. */
	if (x->paired != y->paired)
		return x->paired - y->paired;
	found = (*order)(x, y);
	return found ? found : by_pid(x, y);
}

static void sort(struct tasks *t, order_fn *order)
{
	if (t->n)
		qsort_r(t->list, t->n, sizeof(*t->list), compare, &order);
}

static int add_pair(struct diff *d, const struct task *a, const struct task *b,
		    struct firn_error *err)
{
	const struct task *named = a && *a->command ? a : b;

	if (d->npairs == d->pairs_room) {
		const size_t room = d->pairs_room ? 2 * d->pairs_room : 16;
		struct diff_pair *grown = reallocarray(d->pairs, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "processes");
		d->pairs = grown;
		d->pairs_room = room;
	}
	d->pairs[d->npairs++] = (struct diff_pair){
		.a = a ? a->pid : 0,
		.b = b ? b->pid : 0,
		.command = named ? doc_copy(d->t.doc, named->command, strlen(named->command)) : "",
		.of_a = a ? a->value : NULL,
		.of_b = b ? b->value : NULL,
	};
	return doc_check(d->t.doc, err);
}

static int match(struct diff *d, struct tasks *a, struct tasks *b, order_fn *order,
		 struct firn_error *err)
{
	size_t x = 0, y = 0;
	int rc = 0;

	sort(a, order);
	sort(b, order);
	while (rc == 0 && x < a->n && y < b->n && !a->list[x].paired && !b->list[y].paired) {
		const int found = order(&a->list[x], &b->list[y]);

		if (found == 0) {
			rc = add_pair(d, &a->list[x], &b->list[y], err);
			a->list[x].paired = b->list[y].paired = true;
		}
		x += found <= 0;
		y += found >= 0;
	}
	return rc;
}

static int pairs_by_pid(const void *a, const void *b)
{
	const struct diff_pair *x = a, *y = b;

	return (x->a > y->a) - (x->a < y->a);
}

static int pair_tasks(struct diff *d, struct firn_error *err)
{
	order_fn *const orders[] = { by_number_and_program, by_line, by_command };
	_cleanup_(tasks_done) struct tasks a = { 0 }, b = { 0 };
	int rc;

	if ((rc = collect(firn_value_get(d->a.container, "process_tree"), &a, err)) < 0 ||
	    (rc = collect(firn_value_get(d->b.container, "process_tree"), &b, err)) < 0)
		return rc;
	for (size_t k = 0; k < ARRAY_SIZE(orders); k++)
		if ((rc = match(d, &a, &b, orders[k], err)) < 0)
			return rc;
	if (d->npairs)
		qsort(d->pairs, d->npairs, sizeof(*d->pairs), pairs_by_pid);
	sort(&a, by_pid);
	sort(&b, by_pid);
	for (size_t k = 0; rc == 0 && k < a.n && !a.list[k].paired; k++)
		rc = add_pair(d, &a.list[k], NULL, err);
	for (size_t k = 0; rc == 0 && k < b.n && !b.list[k].paired; k++)
		rc = add_pair(d, NULL, &b.list[k], err);
	return rc;
}

void diff_tell_pair(struct diff *d, struct firn_value *to, const struct diff_pair *p)
{
	doc_add_number(d->t.doc, to, "pid", p->a ? p->a : p->b);
	if (p->a && p->b && p->a != p->b)
		doc_add_number(d->t.doc, to, "pid_b", p->b);
	doc_add_static(d->t.doc, to, "command", p->command);
}

static void tell_pair(struct diff *d, struct section *s, const struct diff_pair *p)
{
	const size_t skip = p->a == p->b ? 0 : NUMBERS;
	const struct field *fields = task_fields + skip;
	const size_t n = ARRAY_SIZE(task_fields) - skip;
	struct firn_value *v;

	if (!p->a || !p->b) {
		v = section_entry(s, p->a ? CHANGE_GONE : CHANGE_NEW);
		fields_copy(&d->t, v, alone_fields, ARRAY_SIZE(alone_fields),
			    p->a ? p->of_a : p->of_b);
		return;
	}
	if (p->a == p->b && !fields_differ(fields, n, p->of_a, p->of_b)) {
		s->equal++;
		return;
	}
	v = section_entry(s, CHANGE_CHANGED);
	diff_tell_pair(d, v, p);
	fields_tell(&d->t, v, "changes", fields, n, p->of_a, p->of_b);
}

int diff_tasks(struct diff *d, struct firn_error *err)
{
	struct section s = section_begin(&d->t, "processes");
	int rc = pair_tasks(d, err);

	if (rc < 0)
		return rc;
	for (size_t k = 0; k < d->npairs; k++)
		tell_pair(d, &s, &d->pairs[k]);
	section_end(&s);
	return 0;
}
