/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of a process: areas, how many of their pages the dump has, and where in the dump the
 * command line and the environment are. Pages of an incremental dump are looked for in the dumps
 * before it.
 */
#include "look/inspect.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TEXT_MAX    (64u << 10) /* bytes of a command line or an environment that are told */
#define TEXTS_MAX   (8u << 20)  /* bytes of all of them */
#define PIECES_MAX  (1u << 17)
#define PARENTS_MAX 64 /* dumps before this one */

/* Bytes at an address that are wanted. */
struct want {
	uint64_t from, to;
	uint8_t *bytes;
	enum inspect_text text;
};

struct wants {
	struct want *list;
	size_t n, room;
};

struct counts {
	uint64_t present, zero, parent, lazy, absent;
};

/* A pagemap while it is read. */
struct reading {
	struct inspect *i;
	struct inspect_task *task;
	const struct criu_mm *mm; /* NULL: no counting */
	const char *folder;
	uint64_t page_bytes;
	uint64_t last;               /* behind the range before */
	size_t area;                 /* that the next range may be in */
	struct counts total, *areas; /* areas: NULL, or one for each */
	const struct wants *wants;
	struct wants in_parent;
	const char *file; /* the path of the pages file, once it was needed */
};

static int add_want(struct wants *w, const struct want *want, struct firn_error *err)
{
	if (w->n == w->room) {
		const size_t room = w->room ? 2 * w->room : 4;
		struct want *grown = reallocarray(w->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "memory");
		w->list = grown;
		w->room = room;
	}
	w->list[w->n++] = *want;
	return 0;
}

static void wants_done(struct wants *w)
{
	free(w->list);
	*w = (struct wants){ 0 };
}

static void count(struct counts *c, const struct criu_range *r, uint64_t pages)
{
	switch (r->where) {
	case CRIU_PAGES_PRESENT:
		c->present += pages;
		c->lazy += r->may_be_lazy ? pages : 0;
		break;
	case CRIU_PAGES_PARENT:
		c->parent += pages;
		break;
	case CRIU_PAGES_LAZY:
		c->lazy += pages;
		c->absent += pages;
		break;
	case CRIU_PAGES_ZERO:
		c->zero += pages;
	}
}

/* Ranges and areas both go up, so that each is passed once. */
static void count_areas(struct reading *g, const struct criu_range *r, uint64_t end)
{
	uint64_t at = r->address;

	while (g->area < g->mm->nareas && at < end) {
		const struct criu_area *a = &g->mm->areas[g->area];
		const uint64_t from = at > a->start ? at : a->start;
		const uint64_t to = end < a->end ? end : a->end;

		if (from < to)
			count(&g->areas[g->area], r, (to - from) / g->page_bytes);
		if (end < a->end)
			break;
		at = a->end > at ? a->end : at;
		g->area++;
	}
}

static int add_piece(struct reading *g, const struct criu_range *r, const struct want *w,
		     uint64_t from, uint64_t to, struct firn_error *err)
{
	struct inspect *i = g->i;
	char path[MEMBER_FOLDER_MAX + 32];

	if (i->npieces == PIECES_MAX)
		return 0; /* it is missing, then */
	if (i->npieces == i->pieces_room) {
		const size_t room = i->pieces_room ? 2 * i->pieces_room : 64;
		struct members_piece *grown = reallocarray(i->pieces, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "memory");
		i->pieces = grown;
		i->pieces_room = room;
	}
	if (!g->file) {
		snprintf(path, sizeof(path), "%s/pages-%" PRIu32 ".img", g->folder, r->file);
		g->file = doc_copy(i->doc, path, strlen(path));
	}
	if (!g->file)
		return doc_check(i->doc, err);
	i->pieces[i->npieces++] = (struct members_piece){
		.path = g->file,
		.at = r->offset + (from - r->address),
		.len = (size_t)(to - from),
		.to = w->bytes + (from - w->from),
		.owner = &g->task->missing_bytes[w->text],
	};
	return 0;
}

/* What of @w is in the range. */
static int match(struct reading *g, const struct criu_range *r, uint64_t end, const struct want *w,
		 struct firn_error *err)
{
	const uint64_t from = r->address > w->from ? r->address : w->from;
	const uint64_t to = end < w->to ? end : w->to;
	struct want rest = *w;

	if (from >= to)
		return 0;
	switch (r->where) {
	case CRIU_PAGES_PRESENT:
		return r->located ? add_piece(g, r, w, from, to, err) : 0;
	case CRIU_PAGES_ZERO:
		g->task->missing_bytes[w->text] -= to - from;
		return 0;
	case CRIU_PAGES_PARENT:
		rest.bytes = w->bytes + (from - w->from);
		rest.from = from;
		rest.to = to;
		return add_want(&g->in_parent, &rest, err);
	case CRIU_PAGES_LAZY:
		break;
	}
	return 0;
}

static int take_range(const struct criu_range *r, void *ctx, struct firn_error *err)
{
	struct reading *g = ctx;
	const uint64_t end = r->address + r->pages * g->page_bytes;

	if (r->address < g->last)
		return firn_fail(err, FIRN_ECORRUPT, "the pages at %" PRIx64 " are out of order",
				 r->address);
	g->last = end;
	count(&g->total, r, r->pages);
	if (g->areas)
		count_areas(g, r, end);
	for (size_t k = 0; k < g->wants->n; k++) {
		int rc = match(g, r, end, &g->wants->list[k], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_parents(struct inspect *i, struct inspect_task *t, uint64_t page_bytes,
			struct wants *wants, struct firn_error *err)
{
	char folder[MEMBER_FOLDER_MAX] = CHECKPOINT_IMAGES_DIR, name[32];

	snprintf(name, sizeof(name), "pagemap-%" PRIu32 ".img", t->process.pid);
	for (unsigned k = 0;
	     k < PARENTS_MAX && wants->n && member_images_parent(i->members, folder, folder); k++) {
		struct member_images images;
		struct reading g = {
			.i = i,
			.task = t,
			.folder = folder,
			.page_bytes = page_bytes,
			.wants = wants,
		};
		int rc;

		member_images_init(&images, i->members, folder);
		rc = criu_each_range(&images.base, name, page_bytes, take_range, &g, err);
		wants_done(wants);
		*wants = g.in_parent;
		if (rc < 0)
			return firn_wrap(err, rc, "%s", folder);
	}
	return 0;
}

/* Room for the bytes [from, to) of @t, and the wish for them. */
static int want_text(struct inspect *i, struct inspect_task *t, uint64_t from, uint64_t to,
		     enum inspect_text text, struct wants *wants, struct firn_error *err)
{
	uint8_t **bytes = text == INSPECT_ARGS ? &t->args : &t->env;
	uint64_t *len = text == INSPECT_ARGS ? &t->arg_bytes : &t->env_bytes;
	struct want want = { .from = from, .text = text };

	if (from >= to)
		return 0;
	*len = to - from < TEXT_MAX ? to - from : TEXT_MAX;
	if (*len > TEXTS_MAX - i->piece_bytes)
		return 0;
	i->piece_bytes += *len;
	want.to = from + *len;
	t->missing_bytes[text] = *len;
	want.bytes = *bytes = calloc(1, *len + 1);
	return want.bytes ? add_want(wants, &want, err) : firn_fail_oom(err, "memory");
}

static uint64_t page_bytes_of(const struct inspect *i, const struct criu_mm *mm)
{
	return criu_page_bytes(mm, i->architecture && (strcmp(i->architecture, "amd64") == 0 ||
						       strcmp(i->architecture, "s390x") == 0));
}

static void tell_counts(struct inspect *i, struct firn_value *to, const struct counts *c)
{
	doc_add_number(i->doc, to, "pages_present", c->present);
	doc_add_number(i->doc, to, "pages_zero", c->zero);
	doc_add_number(i->doc, to, "pages_parent", c->parent);
	doc_add_number(i->doc, to, "pages_lazy", c->lazy);
	if (c->absent)
		doc_add_number(i->doc, to, "pages_absent", c->absent);
}

static void tell_area(struct inspect *i, const struct criu_area *a, const struct counts *c,
		      uint64_t page_bytes, struct firn_value *to)
{
	struct firn_value *v = doc_add_object(i->doc, to, NULL);
	const bool file = a->status & (CRIU_AREA_FILE_PRIVATE | CRIU_AREA_FILE_SHARED);
	const struct inspect_file *f = file ? inspect_file(i, (uint32_t)a->backing) : NULL;

	doc_add_format(i->doc, v, "start", "0x%" PRIx64, a->start);
	doc_add_format(i->doc, v, "end", "0x%" PRIx64, a->end);
	doc_add_format(i->doc, v, "protection", "%c%c%c%c", a->protection & PROT_READ ? 'r' : '-',
		       a->protection & PROT_WRITE ? 'w' : '-',
		       a->protection & PROT_EXEC ? 'x' : '-', a->flags & MAP_SHARED ? 's' : 'p');
	doc_add_static(i->doc, v, "kind", criu_area_kind(a));
	if (f) {
		doc_add_static(i->doc, v, "path", f->path);
		doc_add_number(i->doc, v, "offset", a->offset);
	}
	doc_add_number(i->doc, v, "pages", (a->end - a->start) / page_bytes);
	tell_counts(i, v, c);
}

static void tell_memory(struct inspect *i, const struct inspect_task *t, const struct reading *g)
{
	struct firn_value *v = doc_add_object(i->doc, t->value, "memory");
	uint64_t bytes = 0;

	for (size_t k = 0; k < g->mm->nareas; k++)
		bytes += g->mm->areas[k].end - g->mm->areas[k].start;
	doc_add_number(i->doc, v, "areas", g->mm->nareas);
	doc_add_number(i->doc, v, "size", bytes);
	doc_add_number(i->doc, v, "page_size", g->page_bytes);
	tell_counts(i, v, &g->total);
	if (!g->areas)
		return;
	v = doc_add_list(i->doc, t->value, "memory_areas");
	for (size_t k = 0; k < g->mm->nareas; k++)
		tell_area(i, &g->mm->areas[k], &g->areas[k], g->page_bytes, v);
}

static int read_pagemap(struct inspect *i, struct inspect_task *t, const struct criu_mm *mm,
			struct wants *wants, struct firn_error *err)
{
	_free_ struct counts *areas = NULL;
	struct reading g = {
		.i = i,
		.task = t,
		.mm = mm,
		.folder = CHECKPOINT_IMAGES_DIR,
		.page_bytes = page_bytes_of(i, mm),
		.wants = wants,
	};
	char name[32];
	int rc;

	if ((i->opts->flags & FIRN_INSPECT_AREAS) || i->opts->pid) {
		g.areas = areas = calloc(mm->nareas + 1, sizeof(*areas));
		if (!areas)
			return firn_fail_oom(err, "memory areas");
	}
	snprintf(name, sizeof(name), "pagemap-%" PRIu32 ".img", t->process.pid);
	rc = criu_each_range(&i->images.base, name, g.page_bytes, take_range, &g, err);
	wants_done(wants);
	*wants = g.in_parent;
	if (rc < 0)
		return rc;
	tell_memory(i, t, &g);
	return read_parents(i, t, g.page_bytes, wants, err);
}

int inspect_memory(struct inspect *i, struct inspect_task *t, struct firn_error *err)
{
	_cleanup_(criu_mm_done) struct criu_mm mm = { 0 };
	_cleanup_(wants_done) struct wants wants = { 0 };
	int rc = criu_mm_read(&i->images.base, t->process.pid, &mm, err);

	if (rc <= 0)
		return rc;
	t->exe_file = mm.exe_file;
	rc = want_text(i, t, mm.arg_start, mm.arg_end, INSPECT_ARGS, &wants, err);
	if (rc == 0 && (i->opts->flags & FIRN_INSPECT_ENVIRONMENT))
		rc = want_text(i, t, mm.env_start, mm.env_end, INSPECT_ENV, &wants, err);
	return rc < 0 ? rc : read_pagemap(i, t, &mm, &wants, err);
}

static void forget(uint8_t **text)
{
	free(*text);
	*text = NULL;
}

int inspect_arguments(struct inspect *i, struct firn_error *err)
{
	int rc = members_fetch(i->members, i->pieces, i->npieces, err);

	if (rc < 0)
		return rc;
	for (size_t k = 0; k < i->npieces; k++)
		if (i->pieces[k].there)
			*(uint64_t *)i->pieces[k].owner -= i->pieces[k].len;
	for (size_t k = 0; k < i->ntasks; k++) {
		struct inspect_task *t = &i->tasks[k];

		if (t->missing_bytes[INSPECT_ARGS])
			forget(&t->args);
		if (t->missing_bytes[INSPECT_ENV])
			forget(&t->env);
	}
	return 0;
}
