/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open files, sockets and environments of the processes that both checkpoints have. Descriptors
 * are compared by their number. Inodes and CRIU's ids aren't: a restored process has others.
 */
#include "diff/diff.h"

#include "base/fd.h"
#include "diff/items.h"

#include <stdlib.h>
#include <string.h>

static const struct field file_about[] = {
	{ .name = "fd" }, { .name = "path" }, { .name = "name" }, { .name = "access" }
};
static const struct field file_fields[] = {
	{ .name = "type" },     { .name = "name" }, { .name = "access" },
	{ .name = "position" }, { .name = "size" }, { .name = "mode" },
};
static const struct field regular_fields[] = {
	{ .name = "type" },     { .name = "path" }, { .name = "access" },
	{ .name = "position" }, { .name = "size" }, { .name = "mode" },
};

static const struct field socket_about[] = {
	{ .name = "fd" },           { .name = "family" },
	{ .name = "protocol" },     { .name = "socket_type" },
	{ .name = "socket_state" }, { "data", "address", NULL, 0 },
	{ "data", "src", NULL, 0 }, { "data", "src_port", NULL, 0 },
	{ "data", "dst", NULL, 0 }, { "data", "dst_port", NULL, 0 },
};
static const struct field socket_fields[] = {
	{ .name = "family" },
	{ .name = "protocol" },
	{ .name = "socket_type" },
	{ .name = "socket_state" },
	{ .name = "backlog" },
	{ .name = "interface" },
	{ "data", "address", NULL, 0 },
	{ "data", "src", NULL, 0 },
	{ "data", "src_port", NULL, 0 },
	{ "data", "dst", NULL, 0 },
	{ "data", "dst_port", NULL, 0 },
	{ "data", "send_buf", NULL, 0 },
	{ "data", "recv_buf", NULL, 0 },
};

static const char *text(const struct firn_value *v, const char *name)
{
	return firn_value_text(firn_value_get(v, name)) ?: "";
}

/* Sockets have their own list; a task's folders are told with it. */
static bool is_file(const struct firn_value *v)
{
	const char *type = text(v, "type");
	const size_t len = strlen(type);

	return *type && !(len > 2 && strcmp(type + len - 2, "SK") == 0);
}

/* "REG 3" */
static int64_t number_of(const struct firn_value *v)
{
	const struct firn_value *fd = firn_value_get(v, "fd");
	const char *space = firn_value_text(fd) ? strrchr(firn_value_text(fd), ' ') : NULL;

	return space ? strtoll(space + 1, NULL, 10) : firn_value_number(fd);
}

/* The lists of a checkpoint by the process. */
static int index_lists(const struct diff_side *s, const char *name, struct diff_items *ret,
		       struct firn_error *err)
{
	const struct firn_value *v = firn_value_first(firn_value_get(s->container, name));
	int rc = 0;

	for (; rc == 0 && v; v = firn_value_next(v))
		rc = diff_items_add(ret, firn_value_number(firn_value_get(v, "pid")), NULL, v, err);
	diff_items_sort(ret);
	return rc;
}

static int load(const struct diff_items *lists, int64_t pid, const char *name,
		struct diff_items *ret, struct firn_error *err)
{
	const struct firn_value *v = firn_value_get(diff_items_find(lists, pid), name);
	int rc = 0;

	for (v = firn_value_first(v); rc == 0 && v; v = firn_value_next(v))
		if (strcmp(name, "open_files") != 0 || is_file(v))
			rc = diff_items_add(ret, number_of(v), NULL, v, err);
	diff_items_sort(ret);
	return rc;
}

static void take_file(const struct firn_value *a, const struct firn_value *b, void *ctx)
{
	static const struct diff_kind regular = { file_about, ARRAY_SIZE(file_about),
						  regular_fields, ARRAY_SIZE(regular_fields) };
	static const struct diff_kind others = { file_about, ARRAY_SIZE(file_about), file_fields,
						 ARRAY_SIZE(file_fields) };
	struct diff_merge *m = ctx;

	m->kind = strcmp(text(b ? b : a, "type"), "REG") == 0 ? &regular : &others;
	diff_take_items(a, b, m);
}

/* What of a process is in a list of its own. */
struct part {
	const char *name, *lists, *list;
	diff_items_fn *take;
	const struct diff_kind *kind;
};

static int diff_part(struct diff *d, const struct part *p, struct firn_error *err)
{
	_cleanup_(diff_items_done) struct diff_items all_a = { 0 }, all_b = { 0 };
	struct section s = section_begin(&d->t, p->name);
	int rc;

	if ((rc = index_lists(&d->a, p->lists, &all_a, err)) < 0 ||
	    (rc = index_lists(&d->b, p->lists, &all_b, err)) < 0)
		return rc;
	for (size_t k = 0; k < d->npairs; k++) {
		_cleanup_(diff_items_done) struct diff_items a = { 0 }, b = { 0 };
		struct diff_merge m = { d, &s, p->kind, &d->pairs[k] };

		if (!m.pair->a || !m.pair->b)
			continue;
		if ((rc = load(&all_a, m.pair->a, p->list, &a, err)) < 0 ||
		    (rc = load(&all_b, m.pair->b, p->list, &b, err)) < 0)
			return rc;
		diff_items_merge(&a, &b, p->take, &m);
	}
	section_end(&s);
	return 0;
}

int diff_files(struct diff *d, struct firn_error *err)
{
	static const struct diff_kind sockets = { socket_about, ARRAY_SIZE(socket_about),
						  socket_fields, ARRAY_SIZE(socket_fields) };
	static const struct part parts[] = {
		{ "files", "file_descriptors", "open_files", take_file, NULL },
		{ "sockets", "sockets", "open_sockets", diff_take_items, &sockets },
	};
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(parts); k++)
		rc = diff_part(d, &parts[k], err);
	return rc;
}

/* The variables of one process. */
struct variables {
	struct diff *diff;
	struct section *section;
	const struct diff_pair *pair;
};

static void take_variable(const struct firn_value *a, const struct firn_value *b, void *ctx)
{
	const struct variables *e = ctx;
	struct teller *t = &e->diff->t;
	const enum change how = !a ? CHANGE_NEW : !b ? CHANGE_GONE : CHANGE_CHANGED;
	const char *name = firn_value_name(a ? a : b);
	struct firn_value *v;

	if (a && b && values_equal(a, b)) {
		e->section->equal++;
		return;
	}
	/* Not even names, when they aren't asked for: they are counted. */
	if (!(e->diff->opts.flags & FIRN_DIFF_ENVIRONMENT)) {
		e->section->counts[how]++;
		return;
	}
	v = section_entry(e->section, how);
	diff_tell_pair(e->diff, v, e->pair);
	if (v && teller_room(t, strlen(name)))
		doc_add_text(t->doc, v, "name", name);
	teller_copy(t, v, "a", a);
	teller_copy(t, v, "b", b);
}

static int load_variables(const struct firn_value *task, struct diff_items *ret,
			  struct firn_error *err)
{
	const struct firn_value *v =
	    firn_value_first(firn_value_get(task, "environment_variables"));
	int rc = 0;

	for (; rc == 0 && v; v = firn_value_next(v))
		rc = diff_items_add(ret, 0, firn_value_name(v), v, err);
	diff_items_sort(ret);
	return rc;
}

int diff_environment(struct diff *d, struct firn_error *err)
{
	struct section s = section_begin(&d->t, "environment");
	uint64_t unknown = 0;
	struct firn_value *v;
	int rc;

	for (size_t k = 0; k < d->npairs; k++) {
		_cleanup_(diff_items_done) struct diff_items a = { 0 }, b = { 0 };
		const struct diff_pair *p = &d->pairs[k];
		struct variables e = { d, &s, p };

		if (!p->a || !p->b)
			continue;
		/* Its pages may not be there: then nothing can be said. */
		if (!firn_value_get(p->of_a, "environment_variables") !=
		    !firn_value_get(p->of_b, "environment_variables")) {
			unknown++;
			continue;
		}
		if ((rc = load_variables(p->of_a, &a, err)) < 0 ||
		    (rc = load_variables(p->of_b, &b, err)) < 0)
			return rc;
		diff_items_merge(&a, &b, take_variable, &e);
	}
	v = section_end(&s);
	d->t.uncertain |= unknown != 0;
	if (unknown)
		doc_add_number(d->t.doc, v, "unknown", unknown);
	return 0;
}
