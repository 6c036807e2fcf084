/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/space.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "format/criu_task.h"
#include "memory/chain.h"
#include "memory/mapped.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATUS_SHARED (CRIU_AREA_ANON_SHARED | CRIU_AREA_SYSVIPC)
#define STATUS_FILE   (CRIU_AREA_FILE_PRIVATE | CRIU_AREA_FILE_SHARED)
#define STATUS_KERNEL (CRIU_AREA_VVAR | CRIU_AREA_VSYSCALL | CRIU_AREA_AIORING | CRIU_AREA_SOCKET)

struct space {
	struct members *members;
	struct criu_mm mm;
	uint64_t page_bytes;
	struct chain *own;    /* the pagemap of the process */
	struct chain *shared; /* that of the shared memory that was needed last, NULL: none */
	uint64_t shared_id;
	struct mapped mapped; /* only when there are memfds */
};

struct space *space_close(struct space *s)
{
	if (!s)
		return NULL;
	chain_close(s->own);
	chain_close(s->shared);
	mapped_done(&s->mapped);
	criu_mm_done(&s->mm);
	free(s);
	return NULL;
}

void space_closep(struct space **s)
{
	*s = space_close(*s);
}

struct members *space_members(const struct space *s)
{
	return s->members;
}

const struct criu_mm *space_mm(const struct space *s)
{
	return &s->mm;
}

uint64_t space_page_bytes(const struct space *s)
{
	return s->page_bytes;
}

static int read_mm(struct space *s, uint32_t pid, struct firn_error *err)
{
	_cleanup_(criu_core_done) struct criu_core core = { 0 };
	struct member_images images;
	int rc;

	member_images_init(&images, s->members, CHECKPOINT_IMAGES_DIR);
	rc = criu_core_read(&images.base, pid, &core, err);
	if (rc == 0)
		return firn_fail(err, FIRN_ENOTFOUND, "there is no process %" PRIu32, pid);
	if (rc > 0)
		rc = criu_mm_read(&images.base, pid, &s->mm, err);
	s->page_bytes = criu_page_bytes(&s->mm, core.machine == CRIU_MACHINE_X86_64 ||
						    core.machine == CRIU_MACHINE_S390);
	return rc;
}

/* All that follows counts in pages. */
static int check_areas(const struct space *s, struct firn_error *err)
{
	const uint64_t mask = s->page_bytes - 1;

	for (size_t k = 0; k < s->mm.nareas; k++) {
		const struct criu_area *a = &s->mm.areas[k];
		const bool shared = a->status & (STATUS_SHARED | CRIU_AREA_MEMFD);

		if ((a->start & mask) || (a->end & mask) || (shared && (a->offset & mask)))
			return firn_fail(err, FIRN_ECORRUPT,
					 "the area at %" PRIx64 " isn't one of whole pages",
					 a->start);
	}
	return 0;
}

static int read_memfds(struct space *s, struct firn_error *err)
{
	struct member_images images;
	bool any = false;

	for (size_t k = 0; k < s->mm.nareas; k++)
		any |= (s->mm.areas[k].status & CRIU_AREA_MEMFD) != 0;
	member_images_init(&images, s->members, CHECKPOINT_IMAGES_DIR);
	return any ? mapped_load(&s->mapped, &images.base, &s->mm, err) : 0;
}

int space_open(struct members *m, uint32_t pid, struct space **ret, struct firn_error *err)
{
	_cleanup_(space_closep) struct space *s = calloc(1, sizeof(*s));
	char name[32];
	int rc;

	if (!s)
		return firn_fail_oom(err, "memory");
	s->members = m;
	rc = read_mm(s, pid, err);
	if (rc > 0)
		rc = check_areas(s, err) ?: read_memfds(s, err) ?: 1;
	if (rc <= 0)
		return rc;
	snprintf(name, sizeof(name), "pagemap-%" PRIu32 ".img", pid);
	rc = chain_open(m, name, s->page_bytes, &s->own, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&s);
	return 1;
}

/* The shared memory of @a: false when it has none, or nobody knows which one. */
static bool segment_of(const struct space *s, const struct criu_area *a, uint64_t *ret)
{
	*ret = a->backing;
	if (a->status & STATUS_SHARED)
		return true;
	return (a->status & CRIU_AREA_MEMFD) && mapped_segment(&s->mapped, a, ret);
}

static int open_shared(struct space *s, uint64_t segment, struct firn_error *err)
{
	char name[64];

	if (s->shared && s->shared_id == segment)
		return 0;
	s->shared = chain_close(s->shared);
	s->shared_id = segment;
	snprintf(name, sizeof(name), "pagemap-shmem-%" PRIu64 ".img", segment);
	return chain_open(s->members, name, s->page_bytes, &s->shared, err);
}

/* What a page is that no pagemap lists. */
static enum space_where unlisted(const struct criu_area *a, bool missing)
{
	if (a->status & STATUS_KERNEL)
		return SPACE_ABSENT;
	if ((a->status & STATUS_FILE) && !(a->status & CRIU_AREA_MEMFD))
		return SPACE_FILE;
	return missing ? SPACE_ABSENT : SPACE_EMPTY;
}

static enum space_where where_of(const struct piece *p, const struct criu_area *a, bool missing)
{
	switch (p->where) {
	case PIECE_PRESENT:
		return SPACE_PRESENT;
	case PIECE_ZERO:
		return SPACE_ZERO;
	case PIECE_LAZY:
		return SPACE_LAZY;
	case PIECE_UNREAD:
		return SPACE_UNREAD;
	case PIECE_HOLE:
		return unlisted(a, missing);
	case PIECE_LOST:
		break;
	}
	return SPACE_ABSENT;
}

/* The area with @address, or the first one behind it. */
static size_t find_area(const struct criu_mm *mm, uint64_t address)
{
	size_t from = 0, to = mm->nareas;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;

		if (mm->areas[mid].end <= address)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/*
 * Where the pages of shared memory are that p->from to p->to of @a are; @p is one of the process'
 * addresses before and afterwards.
 */
static int find_shared(struct space *s, const struct criu_area *a, struct piece *p,
		       struct firn_error *err)
{
	const uint64_t at = p->from, ahead = p->from - a->start, bytes = p->to - p->from;
	uint64_t segment, from, to;
	int rc;

	if (!segment_of(s, a, &segment)) {
		p->where = PIECE_LOST;
		return 0;
	}
	if (__builtin_add_overflow(a->offset, ahead, &from) ||
	    __builtin_add_overflow(from, bytes, &to))
		return firn_fail(err, FIRN_ECORRUPT,
				 "the area at %" PRIx64 " is beyond its shared memory", a->start);
	rc = open_shared(s, segment, err);
	if (rc == 0)
		rc = chain_find(s->shared, from, to, p, err);
	p->to = at + (p->to - p->from);
	p->from = at;
	return rc;
}

/* Where the pages from p->from on are. */
static int find_piece(struct space *s, const struct criu_area *a, struct piece *p, bool *ret_shared,
		      struct firn_error *err)
{
	int rc = 0;

	*ret_shared = a->status & (STATUS_SHARED | CRIU_AREA_MEMFD);
	/* What a process wrote to its private copy of a memfd goes before the memfd. */
	if (!*ret_shared || (a->status & CRIU_AREA_FILE_PRIVATE)) {
		rc = chain_find(s->own, p->from, p->to, p, err);
		if (rc < 0 || !*ret_shared || p->where != PIECE_HOLE) {
			*ret_shared = false;
			return rc;
		}
	}
	return find_shared(s, a, p, err);
}

int space_find(struct space *s, uint64_t address, struct space_run *ret, struct firn_error *err)
{
	const size_t k = find_area(&s->mm, address);
	const struct criu_area *a = &s->mm.areas[k];
	const struct chain *chain;
	struct piece p;
	bool shared;
	int rc;

	if (k == s->mm.nareas)
		return 0;
	address &= ~(s->page_bytes - 1);
	p = (struct piece){ .from = address > a->start ? address : a->start, .to = a->end };
	rc = find_piece(s, a, &p, &shared, err);
	if (rc < 0)
		return rc;
	chain = shared ? s->shared : s->own;
	*ret = (struct space_run){
		.address = p.from,
		.pages = (p.to - p.from) / s->page_bytes,
		.where = where_of(&p, a, chain && chain_missing(chain)),
		.area = k,
		.dump = p.dump,
		.shared = shared,
	};
	if (ret->where == SPACE_PRESENT) {
		ret->path = chain_path(chain, p.dump);
		ret->offset = p.offset;
	}
	return 1;
}

int space_each(struct space *s, space_fn *take, void *ctx, struct firn_error *err)
{
	struct space_run run;
	uint64_t at = 0;
	int rc;

	while ((rc = space_find(s, at, &run, err)) > 0) {
		rc = take(&run, ctx, err);
		if (rc != 0)
			return rc;
		at = run.address + run.pages * s->page_bytes;
		if (at == 0)
			break; /* the last page there can be */
	}
	return rc < 0 ? rc : 0;
}

bool space_there(const struct space_run *run)
{
	return run->where == SPACE_PRESENT || run->where == SPACE_ZERO || run->where == SPACE_EMPTY;
}

int space_read_run(struct space *s, const struct space_run *run, uint64_t skip, void *to, size_t n,
		   struct firn_error *err)
{
	const struct criu_area *a = &s->mm.areas[run->area];
	struct piece p = { .from = run->address, .to = run->address + s->page_bytes };
	int rc;

	if (run->where != SPACE_PRESENT) {
		memset(to, 0, n);
		return 0;
	}
	if (!run->shared)
		return chain_read(s->own, run->dump, run->offset + skip, to, n, err);
	/* The walk may have come to other shared memory meanwhile. */
	rc = find_shared(s, a, &p, err);
	return rc < 0 ? rc : chain_read(s->shared, run->dump, run->offset + skip, to, n, err);
}

int space_read(struct space *s, uint64_t address, void *to, size_t n, size_t *ret_there,
	       struct firn_error *err)
{
	struct space_run run;
	size_t there = 0;
	int rc = 1;

	while (there < n && (rc = space_find(s, address + there, &run, err)) > 0) {
		const uint64_t at = address + there, bytes = run.pages * s->page_bytes;
		uint64_t skip, left;

		if (run.address > at || !space_there(&run))
			break;
		skip = at - run.address;
		left = bytes - skip < n - there ? bytes - skip : n - there;
		rc = space_read_run(s, &run, skip, (uint8_t *)to + there, (size_t)left, err);
		if (rc < 0)
			return rc;
		there += (size_t)left;
	}
	if (rc < 0)
		return rc;
	*ret_there = there;
	return 0;
}
