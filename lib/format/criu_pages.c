/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_pages.h"

#include "format/checkpoint.h"
#include "format/criu.pb-c.h"
#include "format/criu_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IN_FOLDER  CHECKPOINT_IMAGES_DIR "/%s" /* names in sentences */
#define PAGES_FILE "pages-%" PRIu32 ".img"

#define MAGIC_PAGEMAP 0x56084025u /* criu/include/magic.h */

/* criu/include/pagemap.h: where an entry's pages are. Without PRESENT: with somebody else. */
enum {
	PE_PARENT = 1 << 0,
	PE_LAZY = 1 << 1,
	PE_PRESENT = 1 << 2,
	PE_KNOWN = PE_PARENT | PE_LAZY | PE_PRESENT,
};

/* What one pagemap wants of its file. */
struct wanted {
	uint32_t pages_id;
	uint64_t pages;
	bool known; /* nothing in it is of a later CRIU's */
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

/* The first CRIUs had no flags: a range was in the parent dump, or else here. */
static uint32_t flags_of(const Criu__PagemapEntry *m)
{
	if (m->has_in_parent && m->in_parent)
		return PE_PARENT;
	return m->has_flags ? m->flags : PE_PRESENT;
}

static int add_entry(const Criu__PagemapEntry *m, struct wanted *w, struct firn_error *err)
{
	const uint32_t flags = flags_of(m);

	if (m->base.n_unknown_fields || (flags & ~(uint32_t)PE_KNOWN))
		w->known = false;
	if (!(flags & PE_PRESENT) || (flags & PE_PARENT))
		return 0;
	if (__builtin_add_overflow(w->pages, m->has_nr_pages ? m->nr_pages : m->compat_nr_pages,
				   &w->pages))
		return firn_fail(err, FIRN_ECORRUPT, "names more pages than there can be");
	return 0;
}

static int read_pagemap(struct criu_reader *r, struct wanted *w, struct firn_error *err)
{
	size_t len;
	int rc = read_head(r, w, err);

	while (rc == 0 && w->known && (rc = criu_reader_next(r, &len, err)) > 0) {
		Criu__PagemapEntry *m = criu__pagemap_entry__unpack(NULL, len, r->bytes);

		rc = m ? add_entry(m, w, err) : criu_reader_bad(r, err);
		criu__pagemap_entry__free_unpacked(m, NULL);
	}
	return rc;
}

static int check_file(struct criu_images *images, const struct wanted *w, uint64_t page_bytes,
		      struct firn_error *err)
{
	_cleanup_(source_closep) struct source *pages = NULL;
	uint64_t need;
	char name[40];
	int rc;

	snprintf(name, sizeof(name), PAGES_FILE, w->pages_id);
	rc = images->open(images, name, &pages, err);
	if (rc < 0)
		return firn_wrap(err, rc, IN_FOLDER, name);
	if (__builtin_mul_overflow(w->pages, page_bytes, &need))
		need = UINT64_MAX;
	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT,
				 IN_FOLDER ": is missing, its pagemap needs %" PRIu64
					   " bytes of it",
				 name, need);
	if (pages->size >= need)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT,
			 IN_FOLDER ": %" PRIu64 " bytes, its pagemap needs %" PRIu64, name,
			 pages->size, need);
}

int criu_pages_check(struct criu_images *images, const char *name, uint64_t page_bytes,
		     struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	struct wanted w = { 0 };
	int rc = criu_reader_open(images, name, MAGIC_PAGEMAP, &r, err);

	if (rc <= 0)
		return rc;
	rc = read_pagemap(&r, &w, err);
	if (rc < 0)
		return firn_wrap(err, rc, IN_FOLDER, name);
	return w.known && w.pages ? check_file(images, &w, page_bytes, err) : 0;
}

static int check_process(struct criu_images *images, const struct criu_reader *r, size_t len,
			 uint64_t page_bytes, struct firn_error *err)
{
	Criu__Pstree *m = criu__pstree__unpack(NULL, len, r->bytes);
	char name[40];
	int rc;

	if (!m)
		return firn_wrap(err, criu_reader_bad(r, err), IN_FOLDER, CRIU_PSTREE);
	snprintf(name, sizeof(name), "pagemap-%" PRIu32 ".img", m->pid);
	rc = criu_pages_check(images, name, page_bytes, err);
	criu__pstree__free_unpacked(m, NULL);
	return rc;
}

int criu_pages_check_all(struct criu_images *images, uint64_t page_bytes, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	size_t len;
	int rc = criu_reader_open(images, CRIU_PSTREE, CRIU_MAGIC_PSTREE, &r, err);

	while (rc >= 0 && (rc = criu_reader_next(&r, &len, err)) > 0) {
		rc = check_process(images, &r, len, page_bytes, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}
