/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of each process that is alive: the files and the shared memory that its areas map. */
#include "verify/set.h"

#include <inttypes.h>
#include <stdio.h>

#define AREA_MEMFD      (1u << 14) /* criu/include/image.h: VMA_AREA_MEMFD */
#define AREA_PLUGIN     (1u << 27) /* VMA_EXT_PLUGIN: a plugin brings what is mapped */
#define MACHINE_X86     1          /* core_entry.mtype */
#define MACHINE_S390    5
#define SHARED_OF_OTHER (CRIU_AREA_SYSVIPC | CRIU_AREA_AIORING | AREA_MEMFD | AREA_PLUGIN)

static void use_file(struct set *s, const char *name, const char *what, uint64_t id)
{
	if (!set_use_file(s, (uint32_t)id, 0))
		set_add(s, FINDING_FAULT, name, "file-missing",
			"the %s is the file %" PRIu64 ", which files.img hasn't got", what, id);
}

static int check_areas(struct set *s, const char *name, const struct criu_mm *mm,
		       struct firn_error *err)
{
	char what[64];
	int rc = 0;

	use_file(s, name, "program", mm->exe_file);
	for (size_t i = 0; rc == 0 && i < mm->nareas; i++) {
		const struct criu_area *a = &mm->areas[i];

		snprintf(what, sizeof(what), "area at %" PRIx64, a->start);
		if (a->status & (CRIU_AREA_FILE_PRIVATE | CRIU_AREA_FILE_SHARED) &&
		    !(a->status & AREA_PLUGIN))
			use_file(s, name, what, a->backing);
		else if (a->status & CRIU_AREA_SYSVIPC)
			s->system_v = true;
		else if (a->status & CRIU_AREA_ANON_SHARED && !(a->status & SHARED_OF_OTHER))
			rc = set_numbers_add(&s->shared, a->backing, err);
	}
	return rc;
}

struct folders {
	struct set *s;
	const char *name;
};

static int take_fs(struct cursor c, void *ctx, struct firn_error *err)
{
	const struct folders *f = ctx;
	uint64_t id;

	(void)err;
	if (criu_number(c, CRIU_PATH(1), &id))
		use_file(f->s, f->name, "current folder", id);
	if (criu_number(c, CRIU_PATH(2), &id))
		use_file(f->s, f->name, "root folder", id);
	return 0;
}

static int check_task(struct set *s, const struct set_task *t, struct firn_error *err)
{
	_cleanup_(criu_mm_done) struct criu_mm mm = { 0 };
	struct criu_images *images = &s->dumps[0].images.base;
	struct firn_error e = { 0 };
	char name[48];
	struct folders f = { s, name };
	int rc;

	snprintf(name, sizeof(name), "fs-%" PRIu32 ".img", t->pid);
	rc = set_each(s, name, take_fs, &f, &e);
	rc = set_read(rc, &e, err);
	if (rc < 0)
		return rc;
	snprintf(name, sizeof(name), "mm-%" PRIu32 ".img", t->pid);
	rc = set_is_broken(s, name) ? -FIRN_ECORRUPT : criu_mm_read(images, t->pid, &mm, &e);
	if (rc == -FIRN_ECORRUPT && !set_is_broken(s, name))
		set_add(s, FINDING_FAULT, name, "areas-broken", "%s", e.msg);
	if (rc <= 0)
		return set_read(rc, &e, err);
	if (mm.nareas > s->areas) {
		set_add(s, FINDING_FAULT, name, "too-many", "more areas than can be looked at");
		return 0;
	}
	s->areas -= (uint32_t)mm.nareas;
	s->page_bytes =
	    criu_page_bytes(&mm, s->machine == MACHINE_X86 || s->machine == MACHINE_S390);
	rc = check_areas(s, name, &mm, err);
	snprintf(name, sizeof(name), "pagemap-%" PRIu32 ".img", t->pid);
	return rc < 0 ? rc : set_pagemap(s, 0, name, &mm, err);
}

/* ipc_shm_entry: size 2, in_pagemaps 3; ipc_desc_entry (1): id 7 */
static int take_segment(struct cursor c, void *ctx, struct firn_error *err)
{
	struct set *s = ctx;
	uint64_t id, size = 0, in_pagemaps = 0;

	criu_number(c, CRIU_PATH(2), &size);
	criu_number(c, CRIU_PATH(3), &in_pagemaps);
	if (!in_pagemaps || !size || !criu_number(c, CRIU_PATH(1, 7), &id))
		return 0;
	return set_numbers_add(&s->shared, id, err);
}

/* System V's shared memory, which is a namespace's and not a process'. */
static int find_segments(struct set *s, struct firn_error *err)
{
	const struct set_numbers *ns = &s->ns[SET_NS_IPC];
	struct firn_error e = { 0 };
	bool found = false;
	char name[48] = "";
	int rc;

	for (size_t i = 0; i < ns->n; i++) {
		if (!ns->list[i] || ns->list[i] == s->host_ns[SET_NS_IPC])
			continue;
		snprintf(name, sizeof(name), "ipcns-shm-%" PRIu64 ".img", ns->list[i]);
		rc = set_each(s, name, take_segment, s, &e);
		found |= rc != 0;
		rc = set_read(rc, &e, err);
		if (rc < 0)
			return rc;
	}
	if (*name && s->system_v && !found)
		set_missing(s, name, "processes map System V shared memory");
	return 0;
}

int set_memory(struct set *s, struct firn_error *err)
{
	char name[48];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->ntasks; i++)
		if (s->tasks[i].alive)
			rc = check_task(s, &s->tasks[i], err);
	if (rc == 0)
		rc = find_segments(s, err);
	set_numbers_sort(&s->shared, NULL);
	for (size_t i = 0; rc == 0 && i < s->shared.n; i++) {
		snprintf(name, sizeof(name), "pagemap-shmem-%" PRIu64 ".img", s->shared.list[i]);
		if (!set_has(s, name))
			set_missing(s, name, "shared memory is mapped");
		else
			rc = set_pagemap(s, 0, name, NULL, err);
	}
	if (rc == 0 && s->lost_pages)
		findings_add(s->f, FINDING_FAULT, s->lost_by, "parent-missing",
			     "%" PRIu64 " pages are in the dump before this one, which isn't here",
			     s->lost_pages);
	return rc;
}
