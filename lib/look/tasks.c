/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process tree. */
#include "look/inspect.h"

#include "base/fd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loading {
	struct inspect *i;
	size_t room;
};

static int take_task(const struct criu_process *p, void *ctx, struct firn_error *err)
{
	struct loading *l = ctx;
	struct inspect *i = l->i;

	if (i->ntasks == INSPECT_TASKS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u processes", INSPECT_TASKS_MAX);
	if (i->ntasks == l->room) {
		const size_t room = l->room ? 2 * l->room : 16;
		struct inspect_task *grown = reallocarray(i->tasks, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "processes");
		i->tasks = grown;
		l->room = room;
	}
	i->tasks[i->ntasks] = (struct inspect_task){ .process = *p };
	i->tasks[i->ntasks++].process.thread_ids = NULL;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const uint32_t x = (*(struct inspect_task *const *)a)->process.pid;
	const uint32_t y = (*(struct inspect_task *const *)b)->process.pid;

	return (x > y) - (x < y);
}

static struct inspect_task *find(struct inspect_task *const *sorted, size_t n, uint32_t pid)
{
	struct inspect_task key = { .process.pid = pid }, *at = &key;
	struct inspect_task *const *found = bsearch(&at, sorted, n, sizeof(*sorted), by_pid);

	return found ? *found : NULL;
}

/* From the leaves up: a loop would never come to an end at the root. */
static int measure(struct inspect_task *t, struct firn_error *err)
{
	unsigned depth = 0;

	for (const struct inspect_task *up = t->parent; up; up = up->parent)
		if (++depth > INSPECT_DEPTH_MAX)
			return firn_fail(err, FIRN_ECORRUPT,
					 "process %u has more than %u processes above it",
					 t->process.pid, INSPECT_DEPTH_MAX);
	t->depth = depth;
	return 0;
}

/* Parents and children; @sorted are all tasks by pid. */
static int link_tasks(struct inspect *i, struct inspect_task **sorted, struct firn_error *err)
{
	int rc = 0;

	for (size_t k = 0; k < i->ntasks; k++)
		sorted[k] = &i->tasks[k];
	qsort(sorted, i->ntasks, sizeof(*sorted), by_pid);
	for (size_t k = i->ntasks; k-- > 0;) {
		struct inspect_task *t = sorted[k];

		if (k && sorted[k - 1]->process.pid == t->process.pid)
			return firn_fail(err, FIRN_ECORRUPT, "two processes %u", t->process.pid);
		if (t->process.ppid == 0)
			continue;
		t->parent = find(sorted, i->ntasks, t->process.ppid);
		if (!t->parent)
			return firn_fail(err, FIRN_ECORRUPT, "process %u has no parent %u",
					 t->process.pid, t->process.ppid);
		t->next = t->parent->child;
		t->parent->child = t;
	}
	for (size_t k = 0; rc == 0 && k < i->ntasks; k++)
		rc = measure(&i->tasks[k], err);
	return rc;
}

/* Which of them are told: all, or one and what is below it. */
static int choose(struct inspect *i, struct inspect_task *const *sorted, struct firn_error *err)
{
	struct inspect_task *only = NULL;

	if (i->opts->pid) {
		only = find(sorted, i->ntasks, i->opts->pid);
		if (!only)
			return firn_fail(err, FIRN_ENOTFOUND, "there is no process %u",
					 i->opts->pid);
	}
	for (size_t k = 0; k < i->ntasks; k++) {
		const struct inspect_task *t = &i->tasks[k];

		while (only && t && t != only)
			t = t->parent;
		i->tasks[k].shown = t != NULL;
	}
	return 0;
}

static const char *state_name(uint32_t state)
{
	switch (state) {
	case CRIU_STATE_ALIVE:
		return "Alive";
	case CRIU_STATE_DEAD:
		return "Dead";
	case CRIU_STATE_STOPPED:
		return "Stopped";
	case CRIU_STATE_ZOMBIE:
		return "Zombie";
	default:
		return "Unknown";
	}
}

static const char *seccomp_name(uint32_t mode)
{
	static const char *const names[] = { "disabled", "strict", "filter" };

	return mode < ARRAY_SIZE(names) ? names[mode] : "unknown";
}

static void tell_creds(struct inspect *i, const struct criu_core *core, struct firn_value *to)
{
	if (!core->has_creds)
		return;
	doc_add_number(i->doc, to, "uid", core->uid);
	doc_add_number(i->doc, to, "gid", core->gid);
	if (core->euid != core->uid)
		doc_add_number(i->doc, to, "euid", core->euid);
	if (core->egid != core->gid)
		doc_add_number(i->doc, to, "egid", core->egid);
	doc_add_format(i->doc, to, "capabilities", "0x%016" PRIx64, core->capabilities);
	doc_add_bool(i->doc, to, "no_new_privileges", core->no_new_privs);
	if (core->lsm_profile && *core->lsm_profile)
		doc_add_text(i->doc, to, "lsm_profile", core->lsm_profile);
}

static int tell_core(struct inspect *i, struct inspect_task *t, struct firn_error *err)
{
	_cleanup_(criu_core_done) struct criu_core core = { 0 };
	struct firn_value *v = t->value;
	int rc = criu_core_read(&i->images.base, t->process.pid, &core, err);

	if (rc < 0)
		return rc;
	t->state = core.state;
	doc_add_text(i->doc, v, "command", core.command ? core.command : "");
	if (rc == 0)
		return 0;
	doc_add_static(i->doc, v, "task_state", state_name(core.state));
	if (core.state == CRIU_STATE_STOPPED && core.stop_signal)
		doc_add_number(i->doc, v, "stop_signal", core.stop_signal);
	if (core.state == CRIU_STATE_ZOMBIE || core.state == CRIU_STATE_DEAD)
		doc_add_number(i->doc, v, "exit_code", core.exit_code);
	tell_creds(i, &core, v);
	doc_add_static(i->doc, v, "seccomp", seccomp_name(core.seccomp));
	if (core.cgroup_set)
		doc_add_number(i->doc, v, "cgroup_set", core.cgroup_set);
	if (core.oom_score_adj)
		doc_add_signed(i->doc, v, "oom_score_adj", core.oom_score_adj);
	return 0;
}

static void tell_path(struct inspect *i, struct firn_value *to, const char *name, uint32_t id)
{
	const struct inspect_file *f = id ? inspect_file(i, id) : NULL;

	if (f)
		doc_add_static(i->doc, to, name, f->path);
}

static int load_task(struct inspect *i, struct inspect_task *t, struct firn_error *err)
{
	int rc;

	t->value = doc_object(i->doc);
	doc_add_number(i->doc, t->value, "pid", t->process.pid);
	if ((rc = tell_core(i, t, err)) < 0 ||
	    (rc = criu_ids_read(&i->images.base, t->process.pid, &t->ids, err)) < 0 ||
	    (rc = criu_fs_read(&i->images.base, t->process.pid, &t->fs, err)) < 0)
		return rc;
	doc_add_number(i->doc, t->value, "ppid", t->process.ppid);
	doc_add_number(i->doc, t->value, "pgid", t->process.pgid);
	doc_add_number(i->doc, t->value, "sid", t->process.sid);
	doc_add_number(i->doc, t->value, "threads", t->process.threads);
	rc = inspect_memory(i, t, err);
	if (rc < 0)
		return rc;
	tell_path(i, t->value, "exe", t->exe_file);
	tell_path(i, t->value, "cwd", t->fs.cwd);
	tell_path(i, t->value, "root", t->fs.root);
	return doc_check(i->doc, err);
}

/* As checkpointctl has it: NULs are spaces; and word by word. */
static int tell_arguments(struct inspect *i, const struct inspect_task *t, struct firn_error *err)
{
	_free_ char *line = t->args ? malloc(t->arg_bytes + 1) : NULL;
	struct firn_value *list;
	size_t from = 0;

	if (!t->args || !t->arg_bytes)
		return 0;
	if (!line)
		return firn_fail_oom(err, "command line");
	for (size_t k = 0; k < t->arg_bytes; k++)
		line[k] = t->args[k] ? (char)t->args[k] : ' ';
	doc_add_bytes(i->doc, t->value, "cmdline", line, t->arg_bytes);
	list = doc_add_list(i->doc, t->value, "arguments");
	while (from < t->arg_bytes) {
		const size_t len = strnlen((const char *)t->args + from, t->arg_bytes - from);

		doc_add_bytes(i->doc, list, NULL, t->args + from, len);
		from += len + 1;
	}
	return 0;
}

struct variable {
	const char *text;
	size_t name_len;
};

/* The last one of a name comes first of those. */
static int by_name(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;
	const size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
	const int order = memcmp(x->text, y->text, len);

	if (order)
		return order;
	if (x->name_len != y->name_len)
		return x->name_len < y->name_len ? -1 : 1;
	return (x->text < y->text) - (x->text > y->text);
}

static size_t split_environment(const struct inspect_task *t, struct variable *ret)
{
	size_t from = 0, n = 0;

	while (from < t->env_bytes) {
		const char *text = (const char *)t->env + from;
		const size_t len = strnlen(text, t->env_bytes - from);
		const char *eq = memchr(text, '=', len);

		/* env has a NUL behind its end. */
		if (eq && eq != text)
			ret[n++] = (struct variable){ text, (size_t)(eq - text) };
		from += len + 1;
	}
	return n;
}

static int tell_environment(struct inspect *i, const struct inspect_task *t, struct firn_error *err)
{
	/* "a=" and its NUL are the shortest. */
	_free_ struct variable *list = t->env ? calloc(t->env_bytes / 3 + 1, sizeof(*list)) : NULL;
	struct firn_value *v;
	size_t n;

	if (!t->env)
		return 0;
	if (!list)
		return firn_fail_oom(err, "environment");
	n = split_environment(t, list);
	qsort(list, n, sizeof(*list), by_name);
	v = doc_add_object(i->doc, t->value, "environment_variables");
	for (size_t k = 0; k < n; k++) {
		const struct variable *e = &list[k];

		if (k && e->name_len == e[-1].name_len &&
		    memcmp(e->text, e[-1].text, e->name_len) == 0)
			continue;
		doc_add_text(i->doc, v, doc_copy(i->doc, e->text, e->name_len),
			     e->text + e->name_len + 1);
	}
	return 0;
}

/* Everything is known of the tasks: their objects are put into each other. */
static void join(struct inspect *i)
{
	for (size_t k = 0; k < i->ntasks; k++) {
		const struct inspect_task *t = &i->tasks[k];
		struct firn_value *list;

		if (!t->shown || !t->child)
			continue;
		list = doc_add_list(i->doc, t->value, "children");
		for (const struct inspect_task *c = t->child; c; c = c->next)
			doc_add(i->doc, list, NULL, c->value);
	}
	for (size_t k = 0; k < i->ntasks; k++) {
		const struct inspect_task *t = &i->tasks[k];

		if (t->shown && (i->opts->pid ? t->process.pid == i->opts->pid : !t->parent)) {
			doc_add(i->doc, i->top, "process_tree", t->value);
			break;
		}
	}
}

int inspect_tasks(struct inspect *i, struct firn_error *err)
{
	_free_ struct inspect_task **sorted = NULL;
	struct loading l = { .i = i };
	int rc = criu_each_process(&i->images.base, take_task, &l, err);

	if (rc < 0)
		return rc;
	sorted = calloc(i->ntasks + 1, sizeof(*sorted));
	if (!sorted)
		return firn_fail_oom(err, "processes");
	if ((rc = link_tasks(i, sorted, err)) < 0 || (rc = choose(i, sorted, err)) < 0)
		return firn_wrap(err, rc, "process tree");
	for (size_t k = 0; rc >= 0 && k < i->ntasks; k++)
		if (i->tasks[k].shown)
			rc = load_task(i, &i->tasks[k], err);
	if (rc >= 0)
		rc = inspect_arguments(i, err);
	for (size_t k = 0; rc >= 0 && k < i->ntasks; k++)
		if ((rc = tell_arguments(i, &i->tasks[k], err)) == 0)
			rc = tell_environment(i, &i->tasks[k], err);
	if (rc < 0)
		return rc;
	doc_add_number(i->doc, i->top, "processes", i->ntasks);
	join(i);
	return 0;
}
