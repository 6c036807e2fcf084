/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/chain.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGEMAP_NAME_MAX 48 /* pagemap-shmem-18446744073709551615.img */

/* How far a dump's pagemap has been read. */
struct dump {
	char folder[MEMBER_FOLDER_MAX];
	char path[MEMBER_FOLDER_MAX + 24]; /* of the pages file, once a range named it */
	struct criu_ranges *ranges;        /* NULL: to be opened */
	struct criu_range range;           /* the one that was read last */
	uint64_t end;                      /* of that range */
	uint64_t begin;                    /* end of the range before it */
	bool known;                        /* it was looked for */
	bool missing, over;                /* there is none; all ranges are passed */
	struct source *pages;              /* NULL: to be opened */
};

struct chain {
	struct members *members;
	char name[PAGEMAP_NAME_MAX];
	uint64_t page_bytes;
	struct dump *dumps[CHAIN_MAX];
	uint32_t n;
};

static int add_dump(struct chain *c, const char *folder, struct firn_error *err)
{
	struct dump *d = calloc(1, sizeof(*d));

	if (!d)
		return firn_fail_oom(err, "pagemap");
	snprintf(d->folder, sizeof(d->folder), "%s", folder);
	c->dumps[c->n++] = d;
	return 0;
}

int chain_open(struct members *m, const char *name, uint64_t page_bytes, struct chain **ret,
	       struct firn_error *err)
{
	_cleanup_(chain_closep) struct chain *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return firn_fail_oom(err, "pagemap");
	c->members = m;
	c->page_bytes = page_bytes;
	snprintf(c->name, sizeof(c->name), "%s", name);
	rc = add_dump(c, CHECKPOINT_IMAGES_DIR, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&c);
	return 0;
}

struct chain *chain_close(struct chain *c)
{
	for (uint32_t i = 0; c && i < c->n; i++) {
		criu_ranges_close(c->dumps[i]->ranges);
		source_close(c->dumps[i]->pages);
		free(c->dumps[i]);
	}
	free(c);
	return NULL;
}

void chain_closep(struct chain **c)
{
	*c = chain_close(*c);
}

bool chain_missing(const struct chain *c)
{
	return c->dumps[0]->missing;
}

const char *chain_path(const struct chain *c, uint32_t dump)
{
	return c->dumps[dump]->path;
}

static int rewind_dump(struct chain *c, struct dump *d, struct firn_error *err)
{
	struct member_images images;
	int rc;

	criu_ranges_close(d->ranges);
	d->ranges = NULL;
	d->begin = d->end = 0;
	d->over = false;
	member_images_init(&images, c->members, d->folder);
	rc = criu_ranges_open(&images.base, c->name, c->page_bytes, &d->ranges, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", d->folder);
	d->known = true;
	d->missing = rc == 0;
	return 0;
}

/* The next range of @d. */
static int advance(struct chain *c, struct dump *d, struct firn_error *err)
{
	const uint64_t end = d->end;
	int rc;

	if (++*members_ranges(c->members) > CHAIN_RANGES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "%s: its pagemaps have to be read too often",
				 c->name);
	rc = criu_ranges_next(d->ranges, &d->range, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", d->folder);
	if (rc == 0) {
		d->over = true;
		d->begin = end;
		return 0;
	}
	if (d->range.address < end || (d->range.address & (c->page_bytes - 1)))
		return firn_fail(err, FIRN_ECORRUPT,
				 "%s: %s: the pages at %" PRIx64 " are out of place", d->folder,
				 c->name, d->range.address);
	d->begin = end;
	d->end = d->range.address + d->range.pages * c->page_bytes;
	if (d->range.where == CRIU_PAGES_PRESENT && !*d->path)
		snprintf(d->path, sizeof(d->path), "%s/pages-%" PRIu32 ".img", d->folder,
			 d->range.file);
	return 0;
}

/* So that the current range is the one with @at, or the first behind it. */
static int seek(struct chain *c, struct dump *d, uint64_t at, struct firn_error *err)
{
	int rc = 0;

	if (!d->known || (!d->missing && at < d->begin))
		rc = rewind_dump(c, d, err);
	while (rc == 0 && !d->missing && !d->over && d->end <= at)
		rc = advance(c, d, err);
	return rc;
}

static enum piece_where where_of(const struct criu_range *r)
{
	switch (r->where) {
	case CRIU_PAGES_PRESENT:
		return r->located ? PIECE_PRESENT : PIECE_UNREAD;
	case CRIU_PAGES_ZERO:
		return PIECE_ZERO;
	case CRIU_PAGES_LAZY:
		return PIECE_LAZY;
	case CRIU_PAGES_PARENT:
		break;
	}
	return PIECE_LOST;
}

/* What @d says of the piece, which it may cut. 1 when the dump before has it. */
static int look(struct chain *c, struct dump *d, struct piece *p, struct firn_error *err)
{
	int rc = seek(c, d, p->from, err);

	p->where = PIECE_HOLE;
	if (rc < 0 || d->missing || d->over || d->range.address >= p->to)
		return rc;
	if (d->range.address > p->from) {
		p->to = d->range.address;
		return 0;
	}
	p->to = d->end < p->to ? d->end : p->to;
	p->where = where_of(&d->range);
	p->offset = d->range.offset + (p->from - d->range.address);
	return d->range.where == CRIU_PAGES_PARENT;
}

/* 1 and the dump before number @k, opened or not; 0 when there is none. */
static int before(struct chain *c, uint32_t k, struct firn_error *err)
{
	char folder[MEMBER_FOLDER_MAX];
	int rc;

	if (k + 1 < c->n)
		return 1;
	rc = member_images_parent(c->members, c->dumps[k]->folder, folder);
	if (rc == 0)
		return 0;
	for (uint32_t i = 0; i < c->n; i++)
		if (strcmp(c->dumps[i]->folder, folder) == 0)
			return firn_fail(err, FIRN_ECORRUPT, "%s/%s leads back to %s",
					 c->dumps[k]->folder, CHECKPOINT_PARENT, folder);
	if (c->n == CHAIN_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d dumps one before the other",
				 CHAIN_MAX);
	rc = add_dump(c, folder, err);
	return rc < 0 ? rc : 1;
}

int chain_find(struct chain *c, uint64_t from, uint64_t to, struct piece *ret,
	       struct firn_error *err)
{
	struct piece p = { .from = from, .to = to };
	int rc;

	while ((rc = look(c, c->dumps[p.dump], &p, err)) > 0) {
		rc = before(c, p.dump, err);
		if (rc <= 0)
			break;
		p.dump++;
	}
	if (rc < 0)
		return rc;
	if (p.dump && p.where == PIECE_HOLE)
		p.where = PIECE_LOST;
	*ret = p;
	return 0;
}

/* Out of a compressed archive that nobody unpacked: it passes as far as the piece. */
static int fetch(struct chain *c, const char *path, uint64_t offset, void *to, size_t n,
		 struct firn_error *err)
{
	struct members_piece piece = { .path = path, .at = offset, .len = n, .to = to };
	int rc = members_fetch(c->members, &piece, 1, err);

	if (rc < 0 || piece.there)
		return rc;
	return firn_fail(err, FIRN_ECORRUPT, "%s: ends early", path);
}

int chain_read(struct chain *c, uint32_t dump, uint64_t offset, void *to, size_t n,
	       struct firn_error *err)
{
	struct dump *d = c->dumps[dump];
	int rc = 1;

	if (!d->pages)
		rc = members_source(c->members, d->path, &d->pages, err);
	if (rc == -FIRN_EUNSUPP)
		return fetch(c, d->path, offset, to, n, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is missing", d->path);
	return firn_wrap(err, source_read_at(d->pages, to, n, offset, err), "%s", d->path);
}
