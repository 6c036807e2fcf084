/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both address spaces are walked upwards beside each other, cut where either has another run. Bytes
 * are compared where both sides can be read, hashes where one has but those.
 */
#include "diff/memory.h"

#include "base/fd.h"
#include "diff/elsewhere.h"
#include "memory/space.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK       65536u /* bytes that are compared at once: a page of any host */
#define CHUNK_UNITS (CHUNK / PAGES_UNIT)
#define SEEN_MAX    4096 /* shared memories; those above are counted for each process */
#define SHARED      (CRIU_AREA_ANON_SHARED | CRIU_AREA_SYSVIPC | CRIU_AREA_MEMFD)
#define KERNELS     (CRIU_AREA_VVAR | CRIU_AREA_VSYSCALL | CRIU_AREA_AIORING | CRIU_AREA_SOCKET)

struct counts {
	uint64_t equal, changed, new, gone, unknown;
	uint64_t moved;  /* of changed, new and unknown ones: A has them at other addresses */
	uint64_t stored; /* pages that are changed, new or unknown, and have bytes in B alone */
};

/* Shared memories that were counted, by where their first page is: open addressing. */
struct seen {
	struct {
		uint64_t path, place; /* place: the offset and 1; 0 is an empty slot */
	} slots[2 * SEEN_MAX];
	size_t n;
};

/* One side while it is walked. */
struct walker {
	struct space *space; /* NULL: it has no memory */
	struct pages *pages;
	struct seen *seen;
	struct space_run run;
	uint64_t end; /* of the run; run.address goes up to it */
	bool there;   /* false: nothing comes any more */
	size_t area;  /* that the run before was in, SIZE_MAX: none */
	bool known;   /* whether that is shared memory, which was counted or not */
	bool counted; /* it is in the sums already, by another process */
};

struct memory {
	struct diff *diff;
	struct pages_meter *meter;
	struct seen seen_a, seen_b;
	struct elsewhere *elsewhere; /* NULL: nobody asked where pages went */
	uint64_t zero;               /* the hash of a unit of zeros */
	uint64_t page_bytes;
	struct counts own, all; /* of the process; each page once */
	uint8_t bytes_a[CHUNK], bytes_b[CHUNK];
};

/* FNV-1a: who makes two names collide has his own memory left out of a sum. */
static uint64_t hash_path(const char *path)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 0x100000001b3;
	return h;
}

static bool see(struct seen *s, const struct space_run *run)
{
	const uint64_t path = hash_path(run->path), place = run->offset + 1;
	size_t k = (path ^ place / PAGES_UNIT) % ARRAY_SIZE(s->slots);

	for (; s->slots[k].place; k = (k + 1) % ARRAY_SIZE(s->slots))
		if (s->slots[k].path == path && s->slots[k].place == place)
			return true;
	if (s->n < SEEN_MAX) {
		s->slots[k].path = path;
		s->slots[k].place = place;
		s->n++;
	}
	return false;
}

static const struct criu_area *area_of(const struct walker *w)
{
	return &space_mm(w->space)->areas[w->run.area];
}

static int next(struct walker *w, struct firn_error *err)
{
	const uint64_t from = w->area == SIZE_MAX ? 0 : w->end;
	int rc = w->space ? space_find(w->space, from, &w->run, err) : 0;

	w->there = rc > 0;
	if (rc <= 0)
		return rc;
	w->end = w->run.address + w->run.pages * space_page_bytes(w->space);
	if (w->run.area != w->area)
		w->known = w->counted = false;
	w->area = w->run.area;
	if (!w->known && w->run.where == SPACE_PRESENT && (area_of(w)->status & SHARED)) {
		w->known = true;
		w->counted = see(w->seen, &w->run);
	}
	return 0;
}

/* Behind what was compared. */
static int move_to(struct walker *w, uint64_t address, struct firn_error *err)
{
	if (!w->there || w->run.address >= address)
		return 0;
	if (address == w->end)
		return next(w, err);
	w->run.offset += address - w->run.address;
	w->run.address = address;
	return 0;
}

enum state { STATE_NONE, STATE_DUMPED, STATE_UNKNOWN };

static enum state state_of(const struct walker *w)
{
	switch (w->run.where) {
	case SPACE_PRESENT:
	case SPACE_ZERO:
		return STATE_DUMPED;
	case SPACE_EMPTY:
	case SPACE_FILE:
		return STATE_NONE;
	case SPACE_ABSENT:
		return area_of(w)->status & KERNELS ? STATE_NONE : STATE_UNKNOWN;
	case SPACE_LAZY:
	case SPACE_UNREAD:
		break;
	}
	return STATE_UNKNOWN;
}

static int read_bytes(struct walker *w, uint64_t skip, uint8_t *to, size_t n,
		      struct firn_error *err)
{
	if (w->run.where == SPACE_PRESENT)
		return pages_read(w->pages, w->run.path, w->run.offset + skip, to, n, err);
	memset(to, 0, n);
	return 0;
}

static int read_hashes(const struct memory *m, struct walker *w, uint64_t skip, uint64_t *to,
		       size_t n, struct firn_error *err)
{
	if (w->run.where == SPACE_PRESENT)
		return pages_hashes(w->pages, w->run.path, w->run.offset + skip, to, n, err);
	for (size_t k = 0; k < n; k++)
		to[k] = m->zero;
	return 0;
}

/* The page at @skip of what B has is new at its address. */
static int take_stored(const struct memory *m, struct walker *b, uint64_t skip, struct counts *c,
		       struct firn_error *err)
{
	const size_t units = (size_t)(m->page_bytes / PAGES_UNIT);
	uint64_t hashes[CHUNK_UNITS];
	bool found = true;
	int rc;

	if (b->run.where != SPACE_PRESENT)
		return 0;
	if (!m->elsewhere) {
		c->stored++;
		return 0;
	}
	rc = read_hashes(m, b, skip, hashes, units, err);
	for (size_t k = 0; rc == 0 && k < units; k++)
		found &= elsewhere_has(m->elsewhere, hashes[k]);
	c->moved += found;
	c->stored += !found;
	return rc;
}

/* What differs of the chunk. */
static int compare_chunk(struct memory *m, struct walker *a, struct walker *b, bool hashed,
			 uint64_t skip, size_t n, struct counts *c, struct firn_error *err)
{
	uint64_t hashes_a[CHUNK_UNITS], hashes_b[CHUNK_UNITS];
	const size_t step = (size_t)m->page_bytes;
	const uint8_t *x = m->bytes_a, *y = m->bytes_b;
	size_t scale = 1;
	int rc;

	if (hashed) {
		x = (const uint8_t *)hashes_a;
		y = (const uint8_t *)hashes_b;
		scale = PAGES_UNIT / sizeof(*hashes_a);
		rc = read_hashes(m, a, skip, hashes_a, n / PAGES_UNIT, err);
		if (rc == 0)
			rc = read_hashes(m, b, skip, hashes_b, n / PAGES_UNIT, err);
	} else {
		rc = read_bytes(a, skip, m->bytes_a, n, err);
		if (rc == 0)
			rc = read_bytes(b, skip, m->bytes_b, n, err);
	}
	for (size_t at = 0; rc == 0 && at < n; at += step) {
		if (memcmp(x + at / scale, y + at / scale, step / scale) == 0) {
			c->equal++;
			continue;
		}
		c->changed++;
		rc = take_stored(m, b, skip + at, c, err);
	}
	return rc;
}

static bool has_hashes_alone(const struct walker *w)
{
	return w->run.where == SPACE_PRESENT && pages_hashed(w->pages, w->run.path);
}

/* What both have dumped of @bytes. */
static int compare_run(struct memory *m, struct walker *a, struct walker *b, uint64_t bytes,
		       struct counts *c, struct firn_error *err)
{
	const bool hashed = has_hashes_alone(a) || has_hashes_alone(b);
	int rc = 0;

	if (a->run.where == SPACE_ZERO && b->run.where == SPACE_ZERO) {
		c->equal = bytes / m->page_bytes;
		return 0;
	}
	for (uint64_t at = 0; rc == 0 && at < bytes; at += CHUNK) {
		const size_t n = bytes - at < CHUNK ? (size_t)(bytes - at) : CHUNK;

		rc = compare_chunk(m, a, b, hashed, at, n, c, err);
		if (rc == 0 && b->run.where == SPACE_PRESENT)
			pages_meter_add(m->meter, n);
	}
	return rc;
}

static void add_counts(struct memory *m, const struct counts *c, bool counted)
{
	struct counts *const to[] = { &m->own, counted ? NULL : &m->all };

	for (size_t k = 0; k < ARRAY_SIZE(to); k++) {
		if (!to[k])
			continue;
		to[k]->equal += c->equal;
		to[k]->changed += c->changed;
		to[k]->new += c->new;
		to[k]->gone += c->gone;
		to[k]->unknown += c->unknown;
		to[k]->moved += c->moved;
		to[k]->stored += c->stored;
	}
}

/* What B alone has of @bytes, or has where nobody knows what A had. */
static int take_new(const struct memory *m, struct walker *b, uint64_t bytes, struct counts *c,
		    struct firn_error *err)
{
	int rc = 0;

	if (b->run.where == SPACE_PRESENT && !m->elsewhere) {
		c->stored += bytes / m->page_bytes;
		return 0;
	}
	for (uint64_t at = 0; rc == 0 && b->run.where == SPACE_PRESENT && at < bytes;
	     at += m->page_bytes)
		rc = take_stored(m, b, at, c, err);
	return rc;
}

/* @a or @b is NULL for what the other one alone has. */
static int take_region(struct memory *m, struct walker *a, struct walker *b, uint64_t bytes,
		       struct firn_error *err)
{
	const enum state x = a ? state_of(a) : STATE_NONE, y = b ? state_of(b) : STATE_NONE;
	const uint64_t pages = bytes / m->page_bytes;
	struct counts c = { 0 };
	int rc = 0;

	if (x == STATE_DUMPED && y == STATE_DUMPED) {
		rc = compare_run(m, a, b, bytes, &c, err);
	} else if (x == STATE_UNKNOWN || y == STATE_UNKNOWN) {
		c.unknown = pages;
		rc = b ? take_new(m, b, bytes, &c, err) : 0;
	} else if (y == STATE_DUMPED) {
		c.new = pages;
		rc = take_new(m, b, bytes, &c, err);
	} else if (x == STATE_DUMPED) {
		c.gone = pages;
	}
	if (rc == 0)
		add_counts(m, &c, b ? b->counted : a->counted);
	return rc;
}

static uint64_t least(uint64_t x, uint64_t y)
{
	return x < y ? x : y;
}

static int walk(struct memory *m, struct walker *a, struct walker *b, struct firn_error *err)
{
	int rc = next(a, err);

	if (rc == 0)
		rc = next(b, err);
	while (rc == 0 && (a->there || b->there)) {
		const uint64_t at_a = a->there ? a->run.address : UINT64_MAX;
		const uint64_t at_b = b->there ? b->run.address : UINT64_MAX;
		const uint64_t from = least(at_a, at_b);
		const bool in_a = a->there && at_a == from, in_b = b->there && at_b == from;
		uint64_t to = least(in_a ? a->end : at_a, in_b ? b->end : at_b);

		rc = take_region(m, in_a ? a : NULL, in_b ? b : NULL, to - from, err);
		if (rc == 0)
			rc = move_to(a, to, err);
		if (rc == 0)
			rc = move_to(b, to, err);
	}
	return rc;
}

static int open_space(const struct diff_side *s, uint32_t pid, struct space **ret,
		      struct firn_error *err)
{
	int rc = pid ? space_open(s->members, pid, ret, err) : 0;

	return rc < 0 ? firn_wrap(err, rc, "process %" PRIu32, pid) : 0;
}

static void tell_counts(struct diff *d, struct firn_value *to, const struct counts *c)
{
	const bool moved = d->opts.flags & FIRN_DIFF_MOVED;

	doc_add_number(d->t.doc, to, "equal", c->equal);
	doc_add_number(d->t.doc, to, "changed", c->changed);
	doc_add_number(d->t.doc, to, "new", c->new);
	doc_add_number(d->t.doc, to, "gone", c->gone);
	if (c->unknown)
		doc_add_number(d->t.doc, to, "unknown", c->unknown);
	if (moved)
		doc_add_number(d->t.doc, to, "moved", c->moved);
}

static int compare_pair(struct memory *m, const struct diff_pair *pair, struct walker *a,
			struct walker *b, struct firn_error *err)
{
	struct walker nobody = { .area = SIZE_MAX };
	int rc;

	m->page_bytes = space_page_bytes(a->space ? a->space : b->space);
	/* Of another kind of host: no page is a page of the other one. */
	if (a->space && b->space && space_page_bytes(b->space) != m->page_bytes) {
		rc = walk(m, a, &nobody, err);
		if (rc < 0)
			return firn_wrap(err, rc, "process %" PRIu32, pair->a);
		m->page_bytes = space_page_bytes(b->space);
		nobody.there = false;
		rc = walk(m, &nobody, b, err);
	} else {
		rc = walk(m, a, b, err);
	}
	return firn_wrap(err, rc, "process %" PRIu32, pair->a ? pair->a : pair->b);
}

static int take_pair(struct memory *m, const struct diff_pair *pair, struct pages *pages_a,
		     struct pages *pages_b, struct memory_sums *sums, struct firn_value **ret,
		     struct firn_error *err)
{
	_cleanup_(space_closep) struct space *sa = NULL, *sb = NULL;
	struct diff *d = m->diff;
	struct walker a = { .pages = pages_a, .seen = &m->seen_a, .area = SIZE_MAX };
	struct walker b = { .pages = pages_b, .seen = &m->seen_b, .area = SIZE_MAX };
	const uint64_t stored = m->all.stored;
	int rc = open_space(&d->a, pair->a, &sa, err);

	if (rc == 0)
		rc = open_space(&d->b, pair->b, &sb, err);
	if (rc < 0 || (!sa && !sb))
		return rc;
	a.space = sa;
	b.space = sb;
	m->own = (struct counts){ 0 };
	rc = compare_pair(m, pair, &a, &b, err);
	sums->bytes += (m->all.stored - stored) * m->page_bytes;
	*ret = rc == 0 && teller_room(&d->t, 512) ? doc_object(d->t.doc) : NULL;
	diff_tell_pair(d, *ret, pair);
	tell_counts(d, *ret, &m->own);
	return rc < 0 ? rc : 1;
}

static void memory_freep(struct memory **m)
{
	if (*m)
		elsewhere_close((*m)->elsewhere);
	free(*m);
}

static int prepare(struct diff *d, struct pages *a, struct pages_meter *meter, struct memory **ret,
		   struct firn_error *err)
{
	static const uint8_t zeros[PAGES_UNIT];
	_cleanup_(memory_freep) struct memory *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return firn_fail_oom(err, "memory");
	m->diff = d;
	m->meter = meter;
	rc = pages_hash(meter, zeros, &m->zero, err);
	if (rc == 0 && (d->opts.flags & FIRN_DIFF_MOVED))
		rc = elsewhere_open(a, &m->elsewhere, err);
	if (rc == 0)
		*ret = take_ptr(&m);
	return rc;
}

int memory_compare(struct diff *d, struct pages *a, struct pages *b, struct pages_meter *meter,
		   struct memory_sums *ret, struct firn_error *err)
{
	_cleanup_(memory_freep) struct memory *m = NULL;
	struct firn_value *list = doc_list(d->t.doc), *v = NULL;
	struct memory_sums sums = { 0 };
	uint64_t left_off = 0;
	int rc = prepare(d, a, meter, &m, err);

	for (size_t k = 0; rc >= 0 && k < d->npairs; k++) {
		rc = take_pair(m, &d->pairs[k], a, b, &sums, &v, err);
		if (rc > 0) {
			left_off += !v;
			doc_add(d->t.doc, list, NULL, v);
		}
	}
	if (rc < 0)
		return rc;
	v = doc_add_object(d->t.doc, d->t.top, "memory");
	tell_counts(d, v, &m->all);
	if (m->elsewhere && elsewhere_full(m->elsewhere))
		doc_add_bool(d->t.doc, v, "moved_incomplete", true);
	doc_add_static(d->t.doc, v, "compared",
		       pages_packed(a) || pages_packed(b) ? "hashes" : "bytes");
	doc_add(d->t.doc, v, "processes", list);
	if (left_off)
		doc_add_number(d->t.doc, v, "left_off", left_off);
	d->t.uncertain |= m->all.unknown != 0;
	d->t.differs |= m->all.changed || m->all.new || m->all.gone;
	sums.pages = m->all.stored;
	*ret = sums;
	return 0;
}
