/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_memory.h"

#include "format/criu_message.h"
#include "format/criu_wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* criu/include/magic.h */
#define MAGIC_MM      0x57492820u
#define MAGIC_PAGEMAP 0x56084025u

#define VMA_BYTES_MAX   256 /* of one area's message: ten numbers */
#define RANGES_NAME_MAX 64

/* criu/include/pagemap.h */
enum {
	PE_PARENT = 1 << 0,
	PE_LAZY = 1 << 1,
	PE_PRESENT = 1 << 2,
	PE_KNOWN = PE_PARENT | PE_LAZY | PE_PRESENT,
};

/* mm.proto: mm_entry */
enum {
	MM_BRK_START = 6,
	MM_BRK = 7,
	MM_ARG_START = 8,
	MM_ARG_END = 9,
	MM_ENV_START = 10,
	MM_ENV_END = 11,
	MM_EXE_FILE = 12,
	MM_VMAS = 14,
};

/* pagemap.proto: pagemap_entry; pages_id is the first field of its head */
enum {
	PAGEMAP_PAGES_ID = 1,
	PAGEMAP_ADDRESS = 1,
	PAGEMAP_COMPAT_PAGES = 2,
	PAGEMAP_IN_PARENT = 3,
	PAGEMAP_FLAGS = 4,
	PAGEMAP_PAGES = 5,
};

void criu_mm_done(struct criu_mm *mm)
{
	free(mm->areas);
	*mm = (struct criu_mm){ 0 };
}

const char *criu_area_kind(const struct criu_area *a)
{
	static const struct {
		uint32_t status;
		const char *name;
	} kinds[] = {
		{ CRIU_AREA_VDSO, "vdso" },
		{ CRIU_AREA_VVAR, "vvar" },
		{ CRIU_AREA_VSYSCALL, "vsyscall" },
		{ CRIU_AREA_HEAP, "heap" },
		{ CRIU_AREA_STACK, "stack" },
		{ CRIU_AREA_AIORING, "aio ring" },
		{ CRIU_AREA_SOCKET, "socket" },
		{ CRIU_AREA_SYSVIPC, "sysv ipc" },
		{ CRIU_AREA_FILE_PRIVATE, "file" },
		{ CRIU_AREA_FILE_SHARED, "shared file" },
		{ CRIU_AREA_ANON_SHARED, "shared memory" },
	};

	if (a->flags & MAP_GROWSDOWN)
		return "stack";
	if (a->status & CRIU_AREA_MEMFD)
		return a->status & CRIU_AREA_FILE_SHARED ? "shared memory" : "memfd";
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		if (a->status & kinds[k].status)
			return kinds[k].name;
	return "memory";
}

uint64_t criu_page_bytes(const struct criu_mm *mm, bool small)
{
	uint64_t bits = CRIU_PAGE_MAX;

	if (small)
		return CRIU_PAGE_MIN;
	for (size_t k = 0; k < mm->nareas; k++)
		bits |= mm->areas[k].start | mm->areas[k].end;
	bits &= -bits;
	return bits < CRIU_PAGE_MIN ? CRIU_PAGE_MIN : bits;
}

static int add_area(struct criu_mm *mm, const Criu__Vma *v, size_t *room, struct firn_error *err)
{
	struct criu_area *a;

	/* Pieces of the areas before them, behind all others (criu/include/image.h). */
	if (v->status & CRIU_AREA_GUARD)
		return 0;
	if (v->end <= v->start || (mm->nareas && v->start < mm->areas[mm->nareas - 1].end))
		return firn_fail(err, FIRN_ECORRUPT,
				 "area %zu from %" PRIx64 " to %" PRIx64 " is out of order",
				 mm->nareas, v->start, v->end);
	if (mm->nareas == CRIU_AREAS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u areas", CRIU_AREAS_MAX);
	if (mm->nareas == *room) {
		const size_t more = *room ? 2 * *room : 32;
		struct criu_area *grown = reallocarray(mm->areas, more, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "memory areas");
		mm->areas = grown;
		*room = more;
	}
	a = &mm->areas[mm->nareas++];
	*a = (struct criu_area){
		.start = v->start,
		.end = v->end,
		.offset = v->pgoff,
		.backing = v->shmid,
		.protection = v->prot,
		.flags = v->flags,
		.status = v->status,
	};
	return 0;
}

static int take_area(struct criu_mm *mm, const struct wire_field *f, size_t *room,
		     struct firn_error *err)
{
	Criu__Vma *v;
	int rc;

	if (f->type != WIRE_LEN || f->bytes.left > VMA_BYTES_MAX)
		return firn_fail(err, FIRN_ECORRUPT, "area %zu is no message", mm->nareas);
	v = criu__vma__unpack(NULL, f->bytes.left, f->bytes.at);
	if (!v)
		return firn_fail(err, FIRN_ECORRUPT, "area %zu is no message", mm->nareas);
	rc = add_area(mm, v, room, err);
	criu__vma__free_unpacked(v, NULL);
	return rc;
}

static void take_number(struct criu_mm *mm, const struct wire_field *f)
{
	const struct {
		uint32_t number;
		uint64_t *to;
	} numbers[] = {
		{ MM_BRK_START, &mm->brk_start }, { MM_BRK, &mm->brk_end },
		{ MM_ARG_START, &mm->arg_start }, { MM_ARG_END, &mm->arg_end },
		{ MM_ENV_START, &mm->env_start }, { MM_ENV_END, &mm->env_end },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].number == f->number)
			*numbers[i].to = f->value;
	if (f->number == MM_EXE_FILE)
		mm->exe_file = (uint32_t)f->value;
}

static int parse_mm(struct cursor c, struct criu_mm *mm, struct firn_error *err)
{
	struct wire_field f;
	size_t room = 0;
	int rc, more;

	while ((more = wire_next(&c, &f)) > 0) {
		if (f.number == MM_VMAS) {
			rc = take_area(mm, &f, &room, err);
			if (rc < 0)
				return rc;
		} else if (f.type == WIRE_VARINT) {
			take_number(mm, &f);
		}
	}
	return more < 0 ? firn_fail(err, FIRN_ECORRUPT, "is no message") : 0;
}

int criu_mm_read(struct criu_images *images, uint32_t pid, struct criu_mm *ret,
		 struct firn_error *err)
{
	_cleanup_(criu_mm_done) struct criu_mm mm = { 0 };
	_criu_reader_ struct criu_reader r = { 0 };
	char name[32];
	size_t len;
	int rc;

	snprintf(name, sizeof(name), "mm-%" PRIu32 ".img", pid);
	rc = criu_reader_open(images, name, MAGIC_MM, &r, err);
	if (rc <= 0)
		return rc;
	r.record_max = CRIU_MM_MAX;
	rc = criu_reader_next(&r, &len, err);
	if (rc > 0)
		rc = parse_mm((struct cursor){ r.bytes, len }, &mm, err) ?: 1;
	if (rc <= 0)
		return firn_wrap(err, rc, "%s", name);
	*ret = mm;
	mm = (struct criu_mm){ 0 };
	return 1;
}

/* A pagemap while it is read. */
struct pagemap {
	uint32_t file;
	uint64_t page_bytes, offset;
	bool known; /* nothing so far is of a CRIU later than this reader */
};

static int read_head(struct criu_reader *r, struct pagemap *p, struct firn_error *err)
{
	struct wire_field f;
	struct cursor c;
	size_t len;
	int more, rc = criu_reader_next(r, &len, err);
	bool found = false;

	if (rc <= 0)
		return rc < 0 ? rc : firn_fail(err, FIRN_ECORRUPT, "is empty");
	c = (struct cursor){ r->bytes, len };
	while ((more = wire_next(&c, &f)) > 0) {
		if (f.number == PAGEMAP_PAGES_ID && f.type == WIRE_VARINT) {
			p->file = (uint32_t)f.value;
			found = true;
		} else {
			p->known = false;
		}
	}
	return more == 0 && found ? 0 : criu_reader_bad(r, err);
}

struct entry {
	uint64_t address, pages, compat_pages;
	uint32_t flags;
	bool has_pages, has_flags, in_parent, unknown;
};

static int parse_entry(struct cursor c, struct entry *e)
{
	struct wire_field f;
	int more;

	while ((more = wire_next(&c, &f)) > 0) {
		const uint32_t number = f.type == WIRE_VARINT ? f.number : 0;

		switch (number) {
		case PAGEMAP_ADDRESS:
			e->address = f.value;
			break;
		case PAGEMAP_COMPAT_PAGES:
			e->compat_pages = f.value;
			break;
		case PAGEMAP_IN_PARENT:
			e->in_parent = f.value;
			break;
		case PAGEMAP_FLAGS:
			e->flags = (uint32_t)f.value;
			e->has_flags = true;
			break;
		case PAGEMAP_PAGES:
			e->pages = f.value;
			e->has_pages = true;
			break;
		default:
			e->unknown = true;
		}
	}
	return more;
}

/* The first CRIUs had no flags: a range was in the parent dump, or else here. */
static uint32_t flags_of(const struct entry *e)
{
	if (e->in_parent)
		return PE_PARENT;
	return e->has_flags ? e->flags : PE_PRESENT;
}

static enum criu_pages where_of(uint32_t flags)
{
	if (flags & PE_PARENT)
		return CRIU_PAGES_PARENT;
	if (flags & PE_PRESENT)
		return CRIU_PAGES_PRESENT;
	return flags & PE_LAZY ? CRIU_PAGES_LAZY : CRIU_PAGES_ZERO;
}

/* To @ret; moves on in the pages file. */
static int locate(struct pagemap *p, const struct entry *e, struct criu_range *ret,
		  struct firn_error *err)
{
	const uint32_t flags = flags_of(e);
	uint64_t bytes, end;

	*ret = (struct criu_range){
		.address = e->address,
		.pages = e->has_pages ? e->pages : e->compat_pages,
		.where = where_of(flags),
		.file = p->file,
		.offset = p->offset,
	};
	if (__builtin_mul_overflow(ret->pages, p->page_bytes, &bytes) ||
	    __builtin_add_overflow(e->address, bytes, &end))
		return firn_fail(err, FIRN_ECORRUPT, "%" PRIu64 " pages at %" PRIx64, ret->pages,
				 e->address);
	if (e->unknown || (flags & ~(uint32_t)PE_KNOWN))
		p->known = false;
	if (ret->where != CRIU_PAGES_PRESENT)
		return 0;
	ret->may_be_lazy = flags & PE_LAZY;
	ret->located = p->known;
	if (__builtin_add_overflow(p->offset, bytes, &p->offset))
		return firn_fail(err, FIRN_ECORRUPT, "names more pages than there can be");
	return 0;
}

struct criu_ranges {
	struct criu_reader reader;
	struct pagemap pagemap;
	char name[RANGES_NAME_MAX]; /* in sentences */
};

void criu_ranges_close(struct criu_ranges *r)
{
	if (r)
		criu_reader_done(&r->reader);
	free(r);
}

void criu_ranges_closep(struct criu_ranges **r)
{
	criu_ranges_close(*r);
}

int criu_ranges_open(struct criu_images *images, const char *name, uint64_t page_bytes,
		     struct criu_ranges **ret, struct firn_error *err)
{
	_cleanup_(criu_ranges_closep) struct criu_ranges *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return firn_fail_oom(err, "pagemap");
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->pagemap = (struct pagemap){ .page_bytes = page_bytes, .known = true };
	rc = criu_reader_open(images, name, MAGIC_PAGEMAP, &r->reader, err);
	if (rc <= 0)
		return rc;
	rc = read_head(&r->reader, &r->pagemap, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", name);
	*ret = take_ptr(&r);
	return 1;
}

int criu_ranges_next(struct criu_ranges *r, struct criu_range *ret, struct firn_error *err)
{
	struct entry e = { 0 };
	size_t len;
	int rc = criu_reader_next(&r->reader, &len, err);

	if (rc > 0 && parse_entry((struct cursor){ r->reader.bytes, len }, &e) < 0)
		rc = criu_reader_bad(&r->reader, err);
	if (rc > 0)
		rc = locate(&r->pagemap, &e, ret, err) ?: 1;
	return firn_wrap(err, rc, "%s", r->name);
}

int criu_each_range(struct criu_images *images, const char *name, uint64_t page_bytes,
		    criu_range_fn *take, void *ctx, struct firn_error *err)
{
	_cleanup_(criu_ranges_closep) struct criu_ranges *ranges = NULL;
	struct criu_range range;
	int rc = criu_ranges_open(images, name, page_bytes, &ranges, err);

	if (rc <= 0)
		return rc;
	while ((rc = criu_ranges_next(ranges, &range, err)) > 0) {
		rc = take(&range, ctx, err);
		if (rc < 0)
			return firn_wrap(err, rc, "%s", name);
	}
	return rc < 0 ? rc : 1;
}
