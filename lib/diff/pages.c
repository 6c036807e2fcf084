/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diff/pages.h"

#include "base/fd.h"
#include "base/path.h"
#include "members/spool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX     4096
#define HASHES_MAX    (1ull << 32) /* bytes: of two TiB of memory */
#define WINDOW        65536u       /* bytes read at once: runs may be of one page each */
#define BATCH         512u         /* hashes written at once */
#define METER_STEPS   100
#define METER_STEP    (16u << 20)
#define PAGES_PREFIX  "pages-"
#define LAST_PATH_MAX (PATH_MEMBER_MAX + 1)

/* A file that has passed. */
struct hashed {
	char *path;
	uint64_t at, units; /* in the file of hashes */
};

struct pages {
	struct members *members;
	struct pages_meter *meter;
	uint64_t packed_bytes;
	int fd; /* of hashes, -1: none */
	uint64_t used;
	struct hashed *files;
	size_t nfiles, found;     /* found: the one that was asked for last */
	char path[LAST_PATH_MAX]; /* of source */
	struct source *source;    /* that was read last, NULL: none */
	uint64_t window_at;       /* offset of what window has of it */
	size_t window_len;
	uint8_t window[WINDOW];
};

static bool is_pages(const char *path)
{
	return strncmp(path_basename(path), PAGES_PREFIX, strlen(PAGES_PREFIX)) == 0;
}

/* Passed over in a compressed archive. */
static bool is_packed(struct members *m, const char *path)
{
	_cleanup_(source_closep) struct source *src = NULL;

	return members_source(m, path, &src, NULL) == -FIRN_EUNSUPP;
}

int pages_open(struct members *m, struct pages_meter *meter, struct pages **ret,
	       struct firn_error *err)
{
	struct pages *p = calloc(1, sizeof(*p));

	if (!p)
		return firn_fail_oom(err, "memory");
	p->members = m;
	p->meter = meter;
	p->fd = -1;
	for (size_t k = 0; members_packed(m) && k < members_count(m); k++) {
		const struct member f = members_at(m, k);

		if (f.kind == MEMBER_FILE && is_pages(f.path) && is_packed(m, f.path))
			p->packed_bytes += f.size;
	}
	*ret = p;
	return 0;
}

struct pages *pages_close(struct pages *p)
{
	if (!p)
		return NULL;
	for (size_t k = 0; k < p->nfiles; k++)
		free(p->files[k].path);
	free(p->files);
	source_close(p->source);
	fd_close(p->fd);
	free(p);
	return NULL;
}

void pages_closep(struct pages **p)
{
	*p = pages_close(*p);
}

uint64_t pages_bytes(const struct pages *p)
{
	return p->packed_bytes;
}

bool pages_packed(const struct pages *p)
{
	return p->packed_bytes != 0;
}

bool pages_wanted(const char *path, void *ctx)
{
	const struct pages *p = ctx;

	return p->packed_bytes && is_pages(path) && is_packed(p->members, path);
}

int pages_hash(const struct pages_meter *m, const void *unit, uint64_t *ret, struct firn_error *err)
{
	uint8_t salted[sizeof(m->salt) + PAGES_UNIT];
	struct digest digest;
	int rc;

	memcpy(salted, &m->salt, sizeof(m->salt));
	memcpy(salted + sizeof(m->salt), unit, PAGES_UNIT);
	rc = digest_of(salted, sizeof(salted), &digest, err);

	if (rc == 0)
		memcpy(ret, digest.bytes, sizeof(*ret));
	return rc;
}

static int make_file(struct pages *p, struct firn_error *err)
{
	p->fd = spool_file(err);
	return p->fd < 0 ? firn_wrap(err, p->fd, "hashes") : 0;
}

static int put_hashes(struct pages *p, const uint64_t *hashes, size_t n, struct firn_error *err)
{
	const size_t bytes = n * sizeof(*hashes);
	int rc;

	if (bytes > HASHES_MAX - p->used)
		return firn_fail(err, FIRN_ELIMIT, "more than %llu GiB of hashes of pages",
				 HASHES_MAX >> 30);
	rc = fd_pwrite(p->fd, hashes, bytes, p->used, err);
	if (rc == 0)
		p->used += bytes;
	return rc;
}

/* Whole units; what a file has behind them is no page. */
static int hash_stream(struct pages *p, struct istream *in, uint64_t *ret_units,
		       struct firn_error *err)
{
	uint64_t hashes[BATCH], units = 0;
	uint8_t unit[PAGES_UNIT];
	size_t n = 0;
	ssize_t got;
	int rc = 0;

	while ((got = istream_read_full(in, unit, sizeof(unit), err)) == sizeof(unit)) {
		rc = pages_hash(p->meter, unit, &hashes[n++], err);
		if (rc == 0 && n == BATCH) {
			rc = put_hashes(p, hashes, n, err);
			pages_meter_add(p->meter, n * PAGES_UNIT);
			units += n;
			n = 0;
		}
		if (rc < 0)
			return rc;
	}
	if (got < 0)
		return (int)got;
	pages_meter_add(p->meter, n * PAGES_UNIT);
	*ret_units = units + n;
	return put_hashes(p, hashes, n, err);
}

int pages_take(const char *path, uint64_t size, struct istream *in, void *ctx,
	       struct firn_error *err)
{
	struct pages *p = ctx;
	struct hashed *grown;
	struct hashed f = { .at = p->used };
	int rc = p->fd < 0 ? make_file(p, err) : 0;

	(void)size;
	if (rc < 0)
		return rc;
	if (p->nfiles == FILES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d files of pages", FILES_MAX);
	rc = hash_stream(p, in, &f.units, err);
	if (rc < 0)
		return rc;
	grown = reallocarray(p->files, p->nfiles + 1, sizeof(*grown));
	if (!grown)
		return firn_fail_oom(err, "memory");
	p->files = grown;
	f.path = strdup(path);
	if (!f.path)
		return firn_fail_oom(err, "memory");
	p->files[p->nfiles++] = f;
	return 0;
}

static const struct hashed *find_hashed(struct pages *p, const char *path)
{
	if (p->found < p->nfiles && strcmp(p->files[p->found].path, path) == 0)
		return &p->files[p->found];
	for (p->found = 0; p->found < p->nfiles; p->found++)
		if (strcmp(p->files[p->found].path, path) == 0)
			return &p->files[p->found];
	return NULL;
}

bool pages_hashed(struct pages *p, const char *path)
{
	return find_hashed(p, path) != NULL;
}

/* Runs of one process are mostly in one file: it stays open. */
static int use_source(struct pages *p, const char *path, struct firn_error *err)
{
	int rc;

	if (p->source && strcmp(p->path, path) == 0)
		return 0;
	source_close(p->source);
	p->source = NULL;
	p->window_len = 0;
	if (strlen(path) >= sizeof(p->path))
		return firn_fail(err, FIRN_ELIMIT, "a name of more than %d bytes", PATH_MEMBER_MAX);
	rc = members_source(p->members, path, &p->source, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is missing", path);
	strcpy(p->path, path);
	return 0;
}

static int fill_window(struct pages *p, uint64_t offset, struct firn_error *err)
{
	ssize_t got;

	p->window_len = 0;
	got = source_pread(p->source, p->window, sizeof(p->window), offset, err);
	if (got < 0)
		return (int)got;
	p->window_at = offset;
	p->window_len = (size_t)got;
	return 0;
}

int pages_read(struct pages *p, const char *path, uint64_t offset, void *to, size_t n,
	       struct firn_error *err)
{
	int rc = use_source(p, path, err);

	if (rc < 0)
		return rc;
	if (n >= WINDOW)
		return firn_wrap(err, source_read_at(p->source, to, n, offset, err), "%s", path);
	/* An offset before the window wraps to one far behind it. */
	if (offset - p->window_at > p->window_len ||
	    n > p->window_len - (size_t)(offset - p->window_at))
		rc = fill_window(p, offset, err);
	if (rc == 0 && n > p->window_len - (size_t)(offset - p->window_at))
		rc = firn_fail(err, FIRN_ECORRUPT, "ends early");
	if (rc == 0)
		memcpy(to, p->window + (offset - p->window_at), n);
	return firn_wrap(err, rc, "%s", path);
}

static int read_hashes(const struct pages *p, const struct hashed *f, uint64_t offset, uint64_t *to,
		       size_t n, struct firn_error *err)
{
	const uint64_t first = offset / PAGES_UNIT;
	ssize_t got;

	if (offset % PAGES_UNIT || first > f->units || n > f->units - first)
		return firn_fail(err, FIRN_ECORRUPT, "%s: ends before the pages at %" PRIu64,
				 f->path, offset);
	got = fd_pread(p->fd, to, n * sizeof(*to), f->at + first * sizeof(*to), err);
	if (got >= 0 && (size_t)got != n * sizeof(*to))
		return firn_fail(err, FIRN_EFAIL, "a file of hashes has become shorter");
	return got < 0 ? (int)got : 0;
}

int pages_hashes(struct pages *p, const char *path, uint64_t offset, uint64_t *to, size_t n,
		 struct firn_error *err)
{
	const struct hashed *f = find_hashed(p, path);
	uint8_t unit[PAGES_UNIT];
	int rc = 0;

	if (f)
		return read_hashes(p, f, offset, to, n, err);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		rc = pages_read(p, path, offset + k * PAGES_UNIT, unit, sizeof(unit), err);
		if (rc == 0)
			rc = pages_hash(p->meter, unit, &to[k], err);
	}
	return rc;
}

static int each_of(struct pages *p, const char *path, uint64_t units, pages_fn *take, void *ctx,
		   struct firn_error *err)
{
	const bool hashed = pages_hashed(p, path);
	uint64_t hashes[BATCH];
	int rc = 0;

	for (uint64_t at = 0; rc == 0 && at < units; at += BATCH) {
		const size_t n = units - at < BATCH ? (size_t)(units - at) : BATCH;

		rc = pages_hashes(p, path, at * PAGES_UNIT, hashes, n, err);
		if (rc == 0)
			rc = take(hashes, n, ctx, err);
		if (!hashed)
			pages_meter_add(p->meter, n * PAGES_UNIT);
	}
	return rc;
}

int pages_each(struct pages *p, pages_fn *take, void *ctx, struct firn_error *err)
{
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < members_count(p->members); k++) {
		const struct member f = members_at(p->members, k);

		if (f.kind == MEMBER_FILE && is_pages(f.path))
			rc = each_of(p, f.path, f.size / PAGES_UNIT, take, ctx, err);
	}
	return rc;
}

static void tell(const struct pages_meter *m)
{
	const struct firn_progress now = { m->what, m->done, m->total };

	if (m->report && m->report->progress)
		m->report->progress(&now, m->report->ctx);
}

void pages_meter_add(struct pages_meter *m, uint64_t bytes)
{
	uint64_t step = m->total / METER_STEPS;

	step = step < METER_STEP ? METER_STEP : step;
	m->done += bytes;
	if (m->done - m->told < step || m->done >= m->total)
		return;
	m->told = m->done;
	tell(m);
}

void pages_meter_end(struct pages_meter *m)
{
	m->done = m->total;
	tell(m);
}
