/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/look.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"

#include <string.h>
#include <sys/mman.h>

int process_open(struct members *m, uint32_t pid, const struct firn_memory_opts *opts,
		 struct process *ret, struct firn_error *err)
{
	struct process p = { .opts = opts };
	struct member_images images;
	int rc = space_open(m, pid, &p.space, err);

	if (rc <= 0)
		return rc;
	member_images_init(&images, m, CHECKPOINT_IMAGES_DIR);
	rc = mapped_load(&p.mapped, &images.base, space_mm(p.space), err);
	if (rc < 0) {
		space_close(p.space);
		return rc;
	}
	*ret = p;
	return 1;
}

void process_done(struct process *p)
{
	p->space = space_close(p->space);
	mapped_done(&p->mapped);
}

void process_warn(struct process *p, const char *text)
{
	const struct firn_report *report = p->opts->report;

	if (!p->warned && report && report->warn)
		report->warn(text, report->ctx);
	p->warned = true;
}

const char *memory_protection(const struct criu_area *a, char ret[PROTECTION_MAX])
{
	ret[0] = a->protection & PROT_READ ? 'r' : '-';
	ret[1] = a->protection & PROT_WRITE ? 'w' : '-';
	ret[2] = a->protection & PROT_EXEC ? 'x' : '-';
	ret[3] = a->flags & MAP_SHARED ? 's' : 'p';
	ret[4] = '\0';
	return ret;
}

bool process_wants(const struct process *p, const struct criu_area *a)
{
	const struct firn_memory_opts *o = p->opts;
	const char *path;

	if (a->end <= o->from || (o->to && a->start >= o->to))
		return false;
	if (!o->area || strcmp(o->area, criu_area_kind(a)) == 0)
		return true;
	path = mapped_path(&p->mapped, a);
	return path && (strcmp(o->area, path) == 0 || strcmp(o->area, path_basename(path)) == 0);
}

/* The part of @run that is wanted: false when there is none. */
static bool clip(const struct process *p, const struct space_run *run, struct extent *ret)
{
	const struct firn_memory_opts *o = p->opts;
	const uint64_t bytes = run->pages * space_page_bytes(p->space);
	/* Ends as distances: the last page there can be ends at 2^64. */
	uint64_t from = 0, to = bytes;

	if (o->from > run->address)
		from = o->from - run->address;
	if (o->to && o->to - run->address < bytes)
		to = o->to - run->address;
	*ret = (struct extent){
		.run = run, .skip = from, .address = run->address + from, .bytes = to - from
	};
	return from < to;
}

int process_each(struct process *p, extent_fn *take, void *ctx, struct firn_error *err)
{
	const struct criu_mm *mm = space_mm(p->space);
	uint64_t at = p->opts->from;
	struct space_run run;
	struct extent e;
	int rc;

	while ((rc = space_find(p->space, at, &run, err)) > 0) {
		if (p->opts->to && run.address >= p->opts->to)
			return 0;
		at = run.address + run.pages * space_page_bytes(p->space);
		if (!process_wants(p, &mm->areas[run.area]))
			at = mm->areas[run.area].end;
		else if (run.where == SPACE_UNREAD)
			return firn_fail(err, FIRN_EUNSUPP,
					 "CRIU stored the pages in a way that only CRIU reads "
					 "(--compress)");
		else if (clip(p, &run, &e) && (rc = take(&e, ctx, err)) != 0)
			return rc;
		if (at == 0)
			return 0;
	}
	return rc;
}
