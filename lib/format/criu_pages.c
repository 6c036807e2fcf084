/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_pages.h"

#include "format/criu.pb-c.h"
#include "format/criu_reader.h"
#include "format/criu_wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define IN_FOLDER  "%s/%s" /* names in sentences */
#define PAGES_FILE "pages-%" PRIu32 ".img"

#define PIDS_MAX (1u << 22) /* include/linux/threads.h: PID_MAX_LIMIT; pids are below */

#define MAGIC_PAGEMAP 0x56084025u /* criu/include/magic.h */

/*
 * criu/include/pagemap.h: where an entry's pages are. Without PRESENT: with somebody else. ALIGNED:
 * the payload begins at the next page of the file, so that the file is only longer.
 */
enum {
	PE_PARENT = 1 << 0,
	PE_LAZY = 1 << 1,
	PE_PRESENT = 1 << 2,
	PE_ALIGNED = 1 << 3,
	PE_KNOWN = PE_PARENT | PE_LAZY | PE_PRESENT | PE_ALIGNED,
};

/* images/pagemap.proto: pagemap_entry, and pagemap_blocks of 2026-08 */
enum {
	ENTRY_VADDR = 1,
	ENTRY_COMPAT_NR_PAGES = 2,
	ENTRY_IN_PARENT = 3,
	ENTRY_FLAGS = 4,
	ENTRY_NR_PAGES = 5,
	ENTRY_COMPRESSED = 6, /* 2026-07: repeated uint32 compressed_size; later: blocks */
	ENTRY_TOTAL = 7,      /* 2026-07: their sum */
	ENTRY_REGION_PAGES = 8,
	BLOCKS_TOTAL = 2, /* of blocks: total_payload_size */
};

/* What one pagemap wants of its file. */
struct wanted {
	uint32_t pages_id;
	uint64_t bytes; /* at least */
	bool known;     /* nothing in it is of a later CRIU's */
	bool parent;    /* some pages are in the dump before */
};

struct entry {
	uint64_t pages, compat_pages, flags, sum;
	bool has_pages, has_flags, in_parent, compressed, strange;
};

static int read_head(struct criu_reader *r, struct wanted *w, struct firn_error *err)
{
	Criu__PagemapHead *m;
	size_t len;
	int rc = criu_reader_next(r, &len, err);

	if (rc <= 0)
		return rc < 0 ? rc : firn_fail(err, FIRN_ECORRUPT, "is empty");
	m = criu__pagemap_head__unpack(NULL, len, r->bytes);
	if (!m || !m->has_pages_id)
		rc = criu_reader_bad(r, err);
	if (rc > 0)
		w->pages_id = m->pages_id;
	if (rc > 0)
		w->known = m->base.n_unknown_fields == 0;
	criu__pagemap_head__free_unpacked(m, NULL);
	return rc < 0 ? rc : 0;
}

/* Bytes in the file that the message "blocks" tells. */
static int take_blocks(struct cursor c, struct entry *e)
{
	struct wire_field f;
	bool found = false;
	int rc;

	while ((rc = wire_next(&c, &f)) > 0)
		if (f.number == BLOCKS_TOTAL && f.type == WIRE_VARINT) {
			e->sum = f.value;
			found = true;
		}
	e->strange = e->strange || !found;
	return rc;
}

static int take_field(const struct wire_field *f, struct entry *e)
{
	if (f->number == ENTRY_COMPRESSED) {
		e->compressed = true;
		if (f->type == WIRE_LEN)
			return take_blocks(f->bytes, e);
		/* What is more than a file can have shows when it is compared. */
		if (f->type == WIRE_VARINT && __builtin_add_overflow(e->sum, f->value, &e->sum))
			e->sum = UINT64_MAX;
		return 0;
	}
	if (f->type != WIRE_VARINT)
		return -1;
	switch (f->number) {
	case ENTRY_VADDR:
	case ENTRY_TOTAL:
	case ENTRY_REGION_PAGES:
		break;
	case ENTRY_COMPAT_NR_PAGES:
		e->compat_pages = (uint32_t)f->value;
		break;
	case ENTRY_IN_PARENT:
		e->in_parent = f->value;
		break;
	case ENTRY_FLAGS:
		e->flags = (uint32_t)f->value;
		e->has_flags = true;
		break;
	case ENTRY_NR_PAGES:
		e->pages = f->value;
		e->has_pages = true;
		break;
	default:
		e->strange = true;
	}
	return 0;
}

/* The first CRIUs had no flags: a range was in the parent dump, or else here. */
static uint64_t flags_of(const struct entry *e)
{
	if (e->in_parent)
		return PE_PARENT;
	return e->has_flags ? e->flags : PE_PRESENT;
}

static int add_entry(const struct entry *e, struct wanted *w, uint64_t page_bytes,
		     struct firn_error *err)
{
	const uint64_t flags = flags_of(e), pages = e->has_pages ? e->pages : e->compat_pages;
	uint64_t bytes = e->sum;

	if (e->strange || (flags & ~(uint64_t)PE_KNOWN))
		w->known = false;
	if (flags & PE_PARENT)
		w->parent = true;
	if (!(flags & PE_PRESENT) || (flags & PE_PARENT))
		return 0;
	if (!e->compressed && __builtin_mul_overflow(pages, page_bytes, &bytes))
		bytes = UINT64_MAX;
	if (__builtin_add_overflow(w->bytes, bytes, &w->bytes))
		return firn_fail(err, FIRN_ECORRUPT, "names more pages than there can be");
	return 0;
}

static int read_entry(const struct criu_reader *r, size_t len, struct entry *ret,
		      struct firn_error *err)
{
	struct cursor c = { r->bytes, len };
	struct wire_field f;
	int rc;

	*ret = (struct entry){ 0 };
	while ((rc = wire_next(&c, &f)) > 0)
		if (take_field(&f, ret) < 0)
			return criu_reader_bad(r, err);
	return rc < 0 ? criu_reader_bad(r, err) : 0;
}

static int read_pagemap(struct criu_reader *r, struct wanted *w, uint64_t page_bytes,
			struct firn_error *err)
{
	struct entry e;
	size_t len;
	int rc = read_head(r, w, err);

	while (rc == 0 && w->known && (rc = criu_reader_next(r, &len, err)) > 0) {
		rc = read_entry(r, len, &e, err);
		if (rc == 0)
			rc = add_entry(&e, w, page_bytes, err);
	}
	/* A size for each page of a gigabyte: nothing is wrong with that. */
	if (rc == -FIRN_ELIMIT) {
		w->known = false;
		return 0;
	}
	return rc;
}

static int check_file(const struct criu_dump *d, const struct wanted *w, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *pages = NULL;
	char name[40];
	int rc;

	snprintf(name, sizeof(name), PAGES_FILE, w->pages_id);
	rc = d->images->open(d->images, name, &pages, err);
	if (rc < 0)
		return firn_wrap(err, rc, IN_FOLDER, d->folder, name);
	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT,
				 IN_FOLDER ": is missing, its pagemap needs %" PRIu64
					   " bytes of it",
				 d->folder, name, w->bytes);
	if (pages->size >= w->bytes)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT,
			 IN_FOLDER ": %" PRIu64 " bytes, its pagemap needs %" PRIu64, d->folder,
			 name, pages->size, w->bytes);
}

/* 1 when pages are in the dump before as well, or 0. */
static int check_one(const struct criu_dump *d, const char *name, uint64_t page_bytes, bool needed,
		     struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	struct wanted w = { 0 };
	int rc = criu_reader_open(d->images, name, MAGIC_PAGEMAP, &r, err);

	if (rc < 0)
		return firn_wrap(err, rc, "%s", d->folder);
	if (rc == 0 && needed)
		return firn_fail(err, FIRN_ECORRUPT,
				 IN_FOLDER ": is missing, the dump after it has pages there",
				 d->folder, name);
	if (rc == 0)
		return 0;
	rc = read_pagemap(&r, &w, page_bytes, err);
	if (rc < 0)
		return firn_wrap(err, rc, IN_FOLDER, d->folder, name);
	if (w.known && w.bytes && (rc = check_file(d, &w, err)) < 0)
		return rc;
	return w.parent;
}

int criu_pages_check(const struct criu_dump *dumps, size_t n, const char *name, uint64_t page_bytes,
		     struct firn_error *err)
{
	int rc = 1;

	for (size_t i = 0; rc > 0 && i < n; i++)
		rc = check_one(&dumps[i], name, page_bytes, i > 0, err);
	if (rc <= 0)
		return rc;
	return firn_fail(err, FIRN_ECORRUPT,
			 IN_FOLDER ": has pages in a dump before it, which isn't there",
			 dumps[n - 1].folder, name);
}

/* The pid that the record of pstree.img has. */
static int read_pid(const struct criu_reader *r, size_t len, uint32_t *ret, struct firn_error *err)
{
	Criu__Pstree *m = criu__pstree__unpack(NULL, len, r->bytes);

	if (!m)
		return criu_reader_bad(r, err);
	*ret = m->pid;
	criu__pstree__free_unpacked(m, NULL);
	return 0;
}

/* @seen has a bit for each pid: what comes again and again would be read again and again. */
static int note_pid(uint8_t *seen, uint32_t pid, struct firn_error *err)
{
	const uint8_t bit = (uint8_t)(1u << pid % 8);

	if (pid >= PIDS_MAX)
		return firn_fail(err, FIRN_ECORRUPT, "no process is %" PRIu32, pid);
	if (seen[pid / 8] & bit)
		return firn_fail(err, FIRN_ECORRUPT, "two processes %" PRIu32, pid);
	seen[pid / 8] |= bit;
	return 0;
}

static int check_process(const struct criu_dump *dumps, size_t n, uint32_t pid, uint64_t page_bytes,
			 struct firn_error *err)
{
	char name[40];

	snprintf(name, sizeof(name), "pagemap-%" PRIu32 ".img", pid);
	return criu_pages_check(dumps, n, name, page_bytes, err);
}

int criu_pages_check_all(const struct criu_dump *dumps, size_t n, uint64_t page_bytes,
			 struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	_free_ uint8_t *seen = calloc(1, PIDS_MAX / 8);
	uint32_t pid = 0;
	size_t len;
	int rc = criu_reader_open(dumps->images, CRIU_PSTREE, CRIU_MAGIC_PSTREE, &r, err);

	if (rc < 0)
		return rc;
	if (!seen)
		return firn_fail_oom(err, "processes");
	while ((rc = criu_reader_next(&r, &len, err)) > 0) {
		if ((rc = read_pid(&r, len, &pid, err)) < 0 || (rc = note_pid(seen, pid, err)) < 0)
			return firn_wrap(err, rc, IN_FOLDER, dumps->folder, CRIU_PSTREE);
		rc = check_process(dumps, n, pid, page_bytes, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* The older member is required: 4.2 sets it to 0, and CRIUs before read no pages at all. */
int criu_pages_wide(struct criu_images *images, const char *name, bool *ret, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	bool wide = false, narrow = false;
	struct wire_field f;
	struct cursor c;
	size_t len;
	int rc = criu_reader_open(images, name, MAGIC_PAGEMAP, &r, err);

	for (unsigned i = 0; rc > 0 && i < 2; i++) /* the head, then a range */
		rc = criu_reader_next(&r, &len, err);
	if (rc <= 0)
		return firn_wrap(err, rc, "%s", name);
	c = (struct cursor){ r.bytes, len };
	while (wire_next(&c, &f) > 0) {
		wide = wide || f.number == ENTRY_NR_PAGES;
		narrow = narrow || (f.number == ENTRY_COMPAT_NR_PAGES && f.value);
	}
	*ret = wide && !narrow;
	return 1;
}
