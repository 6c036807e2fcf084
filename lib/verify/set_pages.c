/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pagemaps, entry by entry and never more than two at a time: in order, within the areas of their
 * process, as many pages as their pages file has, and what is left to the dump before is there.
 */
#include "verify/set.h"

#include "format/criu_pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct pagemap {
	struct set *s;
	struct set_dump *dump;
	const char *name;
	const struct criu_mm *mm; /* whose pages they are; NULL: nobody's, or it was looked at */
	size_t area;              /* that the next range may be in */
	uint64_t page_bytes;
	uint64_t entries, last; /* last: behind the range before */
	uint64_t present, parent;
	uint32_t file;
	bool unknown; /* pages are stored in a way that is not known here */
	bool disorder, outside;
};

static void tell(const struct pagemap *p, const char *code, const char *what, uint64_t address)
{
	char where[SET_PLACE_MAX + 32];

	snprintf(where, sizeof(where), "%s/%s: entry %" PRIu64, p->dump->folder, p->name,
		 p->entries);
	findings_add(p->s->f, FINDING_FAULT, where, code, "the page at %" PRIx64 " %s", address,
		     what);
}

/* CRIU puts each page into the area around it (mem.c: restore_priv_vma_content). */
static void check_area(struct pagemap *p, uint64_t at, uint64_t end)
{
	while (!p->outside && at < end) {
		const struct criu_area *a;

		while (p->area < p->mm->nareas && p->mm->areas[p->area].end <= at)
			p->area++;
		a = &p->mm->areas[p->area];
		if (p->area == p->mm->nareas || a->start > at) {
			p->outside = true;
			tell(p, "page-outside", "is in no area of its process", at);
			return;
		}
		at = a->end;
	}
}

static void take_range(struct pagemap *p, const struct criu_range *r)
{
	const uint64_t end = r->address + r->pages * p->page_bytes;

	p->entries++;
	if (r->address < p->last && !p->disorder) {
		p->disorder = true;
		tell(p, "pages-order", "comes behind a higher one", r->address);
	}
	p->last = end;
	p->file = r->file;
	if (r->where == CRIU_PAGES_PRESENT) {
		p->present += r->pages;
		p->unknown |= !r->located;
	} else if (r->where == CRIU_PAGES_PARENT) {
		p->parent += r->pages;
	} else {
		return;
	}
	if (p->mm && !p->disorder)
		check_area(p, r->address, end);
}

/* Nobody tells the size of a page, but it is the same everywhere: any that fits is believed. */
static bool fits(const struct pagemap *p, uint64_t bytes)
{
	uint64_t sum;

	for (uint64_t page = CRIU_PAGE_MIN; page <= p->page_bytes; page *= 2)
		if (!__builtin_mul_overflow(p->present, page, &sum) && sum == bytes)
			return true;
	return false;
}

/* Pages of a later CRIU's: only that there are enough bytes can be said. */
static int check_unknown(const struct pagemap *p, const char *where, struct firn_error *err)
{
	const struct criu_dump dump = { &p->dump->images.base, p->dump->folder };
	struct firn_error e = { 0 };
	int rc = p->parent ? 0 : criu_pages_check(&dump, 1, p->name, p->page_bytes, &e);

	rc = findings_take(p->s->f, where, "pages-size", rc, &e, err);
	return rc < 0 ? rc : 0;
}

static int check_size(const struct pagemap *p, struct firn_error *err)
{
	char where[SET_PLACE_MAX];
	struct member m = { .size = 0 };
	bool found;

	snprintf(where, sizeof(where), "%s/pages-%" PRIu32 ".img", p->dump->folder, p->file);
	found = members_find(p->s->m, where, &m) && m.kind == MEMBER_FILE;
	if (!found && !p->present)
		return 0;
	if (!found) {
		findings_add(p->s->f, FINDING_FAULT, where, "image-missing",
			     "is missing: %s has %" PRIu64 " pages there", p->name, p->present);
		return 0;
	}
	if (p->unknown)
		return check_unknown(p, where, err);
	if (!fits(p, m.size))
		findings_add(p->s->f, FINDING_FAULT, where, "pages-size",
			     "has %" PRIu64 " bytes, %s has %" PRIu64 " pages of %" PRIu64
			     " bytes there",
			     m.size, p->name, p->present, p->page_bytes);
	return 0;
}

struct cover {
	struct pagemap *child; /* for what is told */
	struct criu_ranges *below;
	struct criu_range r; /* of the dump before, the one that was met last */
	bool ended;
};

/* 1 when the pages [at, end) are all in the dump before, 0 when one is not (*ret), or an error. */
static int covered(struct cover *c, uint64_t at, uint64_t end, uint64_t *ret,
		   struct firn_error *err)
{
	const uint64_t page = c->child->page_bytes;

	while (at < end) {
		while (!c->ended && c->r.address + c->r.pages * page <= at) {
			int rc = criu_ranges_next(c->below, &c->r, err);

			if (rc < 0)
				return rc;
			c->ended = rc == 0;
		}
		if (c->ended || c->r.address > at) {
			*ret = at;
			return 0;
		}
		at = c->r.address + c->r.pages * page;
	}
	return 1;
}

static int walk_both(struct cover *c, struct criu_ranges *above, struct firn_error *err)
{
	struct pagemap *p = c->child;
	struct criu_range r;
	uint64_t at = 0;
	int rc;

	p->entries = 0;
	while ((rc = criu_ranges_next(above, &r, err)) > 0) {
		p->entries++;
		if (r.where != CRIU_PAGES_PARENT)
			continue;
		rc = covered(c, r.address, r.address + r.pages * p->page_bytes, &at, err);
		if (rc < 0)
			return rc;
		if (rc == 0) {
			tell(p, "parent-page", "is said to be in the dump before, and isn't there",
			     at);
			return 0;
		}
	}
	return rc;
}

/* What @p leaves to the dump @before; both were in order. */
static int check_parent(struct pagemap *p, struct set_dump *before, struct firn_error *err)
{
	_cleanup_(criu_ranges_closep) struct criu_ranges *above = NULL, *below = NULL;
	struct cover c = { .child = p };
	struct firn_error e = { 0 };
	char where[SET_PLACE_MAX];
	int rc = criu_ranges_open(&before->images.base, p->name, p->page_bytes, &below, &e);

	if (rc == 0) {
		snprintf(where, sizeof(where), "%s/%s", before->folder, p->name);
		findings_add(p->s->f, FINDING_FAULT, where, "image-missing",
			     "is missing: the dump %s has %" PRIu64 " pages there", p->dump->folder,
			     p->parent);
		return 0;
	}
	if (rc > 0)
		rc = criu_ranges_open(&p->dump->images.base, p->name, p->page_bytes, &above, &e);
	c.below = below;
	if (rc > 0)
		rc = walk_both(&c, above, &e);
	return set_read(rc, &e, err);
}

/* Every entry once. 1, or 0 when it can't be judged (which was told, if it is wrong). */
static int read_pagemap(struct pagemap *p, struct firn_error *err)
{
	_cleanup_(criu_ranges_closep) struct criu_ranges *ranges = NULL;
	struct firn_error e = { 0 };
	char where[SET_PLACE_MAX];
	struct criu_range r;
	int rc = criu_ranges_open(&p->dump->images.base, p->name, p->page_bytes, &ranges, &e);

	if (rc <= 0) /* missing or no pagemap at all: told */
		return set_read(rc, &e, err);
	while ((rc = criu_ranges_next(ranges, &r, &e)) > 0)
		take_range(p, &r);
	if (rc == 0)
		return !p->disorder;
	snprintf(where, sizeof(where), "%s/%s", p->dump->folder, p->name);
	rc = findings_take(p->s->f, where, "image-record", rc, &e, err);
	return rc < 0 ? rc : 0;
}

int set_pagemap(struct set *s, size_t from, const char *name, const struct criu_mm *mm,
		struct firn_error *err)
{
	for (size_t i = from; i < s->ndumps; i++) {
		struct pagemap p = {
			.s = s,
			.dump = &s->dumps[i],
			.name = name,
			.mm = i == from ? mm : NULL,
			.page_bytes = s->page_bytes,
		};
		int rc = read_pagemap(&p, err);

		if (rc <= 0 || (rc = check_size(&p, err)) < 0 || !p.parent)
			return rc < 0 ? rc : 0;
		if (i + 1 == s->ndumps) {
			s->lost_pages += p.parent;
			s->lost_by = s->dumps[i].folder;
			return 0;
		}
		rc = check_parent(&p, &s->dumps[i + 1], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
