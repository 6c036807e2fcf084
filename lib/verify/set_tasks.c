/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes: pstree.img names them, and for each of their threads there is a core image, for
 * each that is alive an ids, mm, fs and pagemap image as well. What lies about of processes that
 * pstree.img doesn't name is of an earlier dump into the same folder, as Podman makes them.
 */
#include "verify/set.h"

#include "format/criu_task.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 48 /* of "core-4294967295.img" and others */

/* core.proto: where in core_entry the registers of an architecture are, by core_entry.mtype */
static const uint8_t thread_info[] = { 0, 2, 6, 8, 9, 10, 11, 12, 13 };

static const char *image_name(char ret[NAME_MAX_BYTES], const char *family, uint64_t number)
{
	snprintf(ret, NAME_MAX_BYTES, "%s-%" PRIu64 ".img", family, number);
	return ret;
}

struct reading {
	struct set *s;
	struct set_numbers threads; /* process and thread, 32 bits each */
};

static int add_task(struct set *s, const struct set_task *t, struct firn_error *err)
{
	if (s->ntasks == SET_TASKS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u processes", SET_TASKS_MAX);
	if (s->ntasks == s->tasks_room) {
		const size_t room = s->tasks_room ? 2 * s->tasks_room : 16;
		struct set_task *grown = reallocarray(s->tasks, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "processes");
		s->tasks = grown;
		s->tasks_room = room;
	}
	s->tasks[s->ntasks++] = *t;
	return 0;
}

static int take_process(struct cursor c, void *ctx, struct firn_error *err)
{
	struct reading *g = ctx;
	struct cursor packed = { 0 }, rest = c;
	uint64_t pid = 0, ppid = 0, thread;
	struct set_task t;
	int rc;

	criu_number(c, CRIU_PATH(1), &pid);
	criu_number(c, CRIU_PATH(2), &ppid);
	t = (struct set_task){ (uint32_t)pid, (uint32_t)ppid, (uint32_t)g->s->ntasks, false };
	if (t.pid == 0 || t.pid > INT32_MAX)
		set_add(g->s, FINDING_FAULT, SET_PSTREE, "pid-invalid",
			"process number %u has the id %u", t.order + 1, t.pid);
	rc = add_task(g->s, &t, err);
	while (rc == 0 && criu_next_number(&rest, &packed, 5, &thread))
		rc = set_numbers_add(&g->threads, pid << 32 | (uint32_t)thread, err);
	return rc;
}

static int by_pid(const void *a, const void *b)
{
	const struct set_task *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static const struct set_task *find_task(const struct set *s, uint32_t pid)
{
	const struct set_task key = { .pid = pid };
	size_t from = 0, to = s->ntasks;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;

		if (by_pid(&s->tasks[mid], &key) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from < s->ntasks && s->tasks[from].pid == pid ? &s->tasks[from] : NULL;
}

/* CRIU makes the tree as it reads: parents come first, and there is one root (pstree.c). */
static void check_parent(struct set *s, const struct set_task *t)
{
	const struct set_task *parent = t->ppid ? find_task(s, t->ppid) : NULL;

	if (t->order == 0 && t->ppid && parent)
		set_add(s, FINDING_FAULT, SET_PSTREE, "process-parent",
			"the first process %u is a child of the process %u", t->pid, t->ppid);
	if (t->order == 0)
		return;
	if (t->ppid == 0)
		set_add(s, FINDING_FAULT, SET_PSTREE, "process-parent",
			"process %u has no parent, which only the first may lack", t->pid);
	else if (!parent)
		set_add(s, FINDING_FAULT, SET_PSTREE, "process-parent",
			"process %u is a child of the process %u, which isn't here", t->pid,
			t->ppid);
	else if (parent->order >= t->order)
		set_add(s, FINDING_FAULT, SET_PSTREE, "process-parent",
			"process %u comes before its parent %u", t->pid, t->ppid);
}

struct core {
	struct set *s;
	const char *name;
	struct set_task *task; /* NULL: of a thread that isn't the first */
};

static bool has_member(struct cursor c, uint32_t member)
{
	struct cursor inner;

	return criu_next_message(&c, member, &inner);
}

static void check_machine(struct core *k, struct cursor c)
{
	uint64_t machine = 0;

	criu_number(c, CRIU_PATH(1), &machine);
	if (!k->s->machine)
		k->s->machine = machine;
	if (machine != k->s->machine)
		set_add(k->s, FINDING_FAULT, k->name, "machines-differ",
			"is of a machine of type %" PRIu64 ", others are of type %" PRIu64, machine,
			k->s->machine);
	if (machine < ARRAY_SIZE(thread_info) && thread_info[machine] &&
	    !has_member(c, thread_info[machine]))
		set_add(k->s, FINDING_FAULT, k->name, "core-incomplete", "has no registers");
}

/* The set that CRIU was in itself needs no image. */
static void check_cgroups(struct core *k, struct cursor c)
{
	uint64_t set = 0;

	if (!criu_number(c, CRIU_PATH(5, 16), &set))
		criu_number(c, CRIU_PATH(3, 9), &set);
	if (set && set != k->s->host_cgroups && !set_numbers_has(&k->s->cgroups, set))
		set_add(k->s, FINDING_FAULT, k->name, "cgroups-missing",
			"is in the set %" PRIu64 " of cgroups, which cgroup.img hasn't got", set);
}

static void check_seccomp(struct core *k, struct cursor c)
{
	uint64_t mode = 0, filter = 0;

	if (criu_number(c, CRIU_PATH(5, 11), &mode))
		criu_number(c, CRIU_PATH(5, 12), &filter);
	else if (criu_number(c, CRIU_PATH(3, 11), &mode))
		criu_number(c, CRIU_PATH(3, 12), &filter);
	if (mode == CRIU_SECCOMP_FILTER && filter >= k->s->seccomp_filters)
		set_add(k->s, FINDING_FAULT, k->name, "seccomp-missing",
			"has the seccomp filter %" PRIu64 ", seccomp.img has %" PRIu64, filter,
			k->s->seccomp_filters);
}

static int take_core(struct cursor c, void *ctx, struct firn_error *err)
{
	struct core *k = ctx;
	uint64_t state = 0;

	(void)err;
	if (k->task && !criu_number(c, CRIU_PATH(3, 1), &state)) {
		set_add(k->s, FINDING_FAULT, k->name, "core-incomplete",
			"says nothing of its process, only of a thread");
		return 0;
	}
	if (k->task) {
		k->task->alive = state == CRIU_STATE_ALIVE || state == CRIU_STATE_STOPPED;
		if (!k->task->alive)
			return 0;
	}
	check_machine(k, c);
	check_cgroups(k, c);
	check_seccomp(k, c);
	return 0;
}

static int check_core(struct set *s, uint32_t tid, struct set_task *t, struct firn_error *err)
{
	char name[NAME_MAX_BYTES];
	struct core k = { s, image_name(name, "core", tid), t };
	struct firn_error e = { 0 };
	int rc = set_each(s, name, take_core, &k, &e);

	if (rc == 0 && t)
		set_missing(s, name, "pstree.img names the process %u", tid);
	else if (rc == 0)
		set_missing(s, name, "pstree.img names the thread %u", tid);
	if (rc < 0 && t) /* what is broken was told; nothing is to be said of its other images */
		t->alive = false;
	return set_read(rc, &e, err);
}

static int take_ids(struct cursor c, void *ctx, struct firn_error *err)
{
	struct set *s = ctx;
	uint64_t id = 0;
	int rc = 0;

	if (criu_number(c, CRIU_PATH(2), &id) && s->fds_by_id)
		rc = set_numbers_add(&s->tables, id, err);
	for (uint8_t i = SET_NS_PID; rc == 0 && i < SET_NS_END; i++) {
		struct set_numbers *ns = &s->ns[i];

		/* Most processes are in the same as the one before. */
		if (criu_number(c, CRIU_PATH(i), &id) && !(ns->n && ns->list[ns->n - 1] == id))
			rc = set_numbers_add(ns, id, err);
	}
	return rc;
}

/* Of a process that is alive. */
static int check_images(struct set *s, const struct set_task *t, struct firn_error *err)
{
	static const char *const families[] = { "mm", "pagemap", "fs" };
	struct firn_error e = { 0 };
	char name[NAME_MAX_BYTES];
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (!set_has(s, image_name(name, families[i], t->pid)))
			set_missing(s, name, "process %u is alive", t->pid);
	rc = set_each(s, image_name(name, "ids", t->pid), take_ids, s, &e);
	if (rc == 0 && s->has_host)
		set_missing(s, name, "process %u is alive", t->pid);
	if (rc == 0 && !s->fds_by_id)
		return set_numbers_add(&s->tables, t->pid, err);
	return set_read(rc, &e, err);
}

static int take_cgroup(struct cursor c, void *ctx, struct firn_error *err)
{
	struct set *s = ctx;
	struct cursor set;
	uint64_t id;
	int rc = 0;

	while (rc == 0 && criu_next_message(&c, 1, &set))
		if (criu_number(set, CRIU_PATH(1), &id))
			rc = set_numbers_add(&s->cgroups, id, err);
	return rc;
}

static int take_seccomp(struct cursor c, void *ctx, struct firn_error *err)
{
	struct set *s = ctx;
	struct cursor filter;

	(void)err;
	while (criu_next_message(&c, 1, &filter))
		s->seccomp_filters++;
	return 0;
}

/* What core images point to. Where that is broken, nobody can say what is missing in it. */
static int read_pools(struct set *s, struct firn_error *err)
{
	struct firn_error e = { 0 };
	int rc = set_each(s, "cgroup.img", take_cgroup, s, &e);

	s->cgroups.more |= rc < 0;
	rc = set_read(rc, &e, err);
	if (rc < 0)
		return rc;
	set_numbers_sort(&s->cgroups, NULL);
	rc = set_each(s, "seccomp.img", take_seccomp, s, &e);
	if (rc < 0)
		s->seccomp_filters = UINT64_MAX;
	return set_read(rc, &e, err);
}

/* Of a zombie CRIU writes a thread whose id is whatever was in memory (pstree.c), and no image. */
static int check_threads(struct reading *g, struct firn_error *err)
{
	uint64_t twice = 0;
	int rc = 0;

	if (set_numbers_sort(&g->threads, &twice))
		set_add(g->s, FINDING_FAULT, SET_PSTREE, "pid-twice", "thread %u is there twice",
			(uint32_t)twice);
	for (size_t i = 0; rc == 0 && i < g->threads.n; i++) {
		const uint64_t thread = g->threads.list[i];
		const struct set_task *t = find_task(g->s, (uint32_t)(thread >> 32));

		if (t && t->alive && (uint32_t)thread != t->pid)
			rc = check_core(g->s, (uint32_t)thread, NULL, err);
	}
	return rc;
}

/* One of each: another one would be to read the same images again, however often. */
static void sort_tasks(struct set *s)
{
	size_t n = 0;

	if (s->ntasks)
		qsort(s->tasks, s->ntasks, sizeof(*s->tasks), by_pid);
	for (size_t i = 0; i < s->ntasks; i++) {
		if (n && s->tasks[n - 1].pid == s->tasks[i].pid)
			set_add(s, FINDING_FAULT, SET_PSTREE, "pid-twice",
				"process %u is there twice", s->tasks[i].pid);
		else
			s->tasks[n++] = s->tasks[i];
	}
	s->ntasks = n;
}

static int check_tasks(struct reading *g, struct firn_error *err)
{
	struct set *s = g->s;
	int rc = 0;

	sort_tasks(s);
	for (size_t i = 0; rc == 0 && i < s->ntasks; i++) {
		struct set_task *t = &s->tasks[i];

		check_parent(s, t);
		rc = check_core(s, t->pid, t, err);
		if (rc == 0 && t->alive)
			rc = check_images(s, t, err);
	}
	return rc == 0 ? check_threads(g, err) : rc;
}

static void reading_done(struct reading *g)
{
	set_numbers_done(&g->threads);
}

int set_tasks(struct set *s, struct firn_error *err)
{
	_cleanup_(reading_done) struct reading g = { .s = s };
	struct firn_error e = { 0 };
	int rc = read_pools(s, err);

	if (rc < 0)
		return rc;
	rc = set_each(s, SET_PSTREE, take_process, &g, &e);
	if (rc == 0)
		set_missing(s, SET_PSTREE, "every dump has the tree of its processes");
	if (rc == -FIRN_ELIMIT && s->ntasks == SET_TASKS_MAX)
		set_add(s, FINDING_FAULT, SET_PSTREE, "too-many", "%s", e.msg);
	if (rc == 1 && s->ntasks == 0)
		set_add(s, FINDING_FAULT, SET_PSTREE, "image-framing", "has no process");
	rc = set_read(rc, &e, err);
	if (rc == 0)
		rc = check_tasks(&g, err);
	for (size_t i = 0; i < SET_NS_END; i++)
		set_numbers_sort(&s->ns[i], NULL);
	set_numbers_sort(&s->tables, NULL);
	return rc;
}
