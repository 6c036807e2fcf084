/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading members, once all of them are known. */
#include "members/priv.h"

#include "base/fd.h"
#include "base/path.h"

#include <stdlib.h>
#include <string.h>

/* A range of the spool, which lives longer. */
struct spooled {
	struct source source;
	struct spool *spool;
	uint64_t at;
};

static ssize_t spooled_pread(struct source *src, void *buf, size_t n, uint64_t at,
			     struct firn_error *err)
{
	struct spooled *s = (struct spooled *)src;

	if (at >= src->size)
		return 0;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	return spool_pread(s->spool, buf, n, s->at + at, err);
}

static void spooled_close(struct source *src)
{
	free(src);
}

static int open_spooled(struct spool *spool, const struct entry *e, struct source **ret,
			struct firn_error *err)
{
	static const struct source_ops ops = { spooled_pread, spooled_close };
	struct spooled *s = calloc(1, sizeof(*s));

	if (!s)
		return firn_fail_oom(err, "member");
	*s = (struct spooled){ { &ops, e->size }, spool, e->at };
	*ret = &s->source;
	return 0;
}

static int open_entry(struct members *m, const struct entry *e, struct source **ret,
		      struct firn_error *err)
{
	if (e->kind != MEMBER_FILE)
		return firn_fail(err, FIRN_ECORRUPT, "is no file");
	switch ((enum place)e->place) {
	case PLACE_PART:
		return source_range(m->parts[e->part].source, e->at, e->size, ret, err);
	case PLACE_SPOOL:
		return open_spooled(&m->spool, e, ret, err);
	case PLACE_UNPACKED:
		return open_spooled(&m->unpacked, e, ret, err);
	case PLACE_FOLDER:
		return members_open_file(m, e, ret, err);
	case PLACE_PASSED:
		break;
	}
	return firn_fail(err, FIRN_EUNSUPP, "lies in a compressed archive");
}

int members_source(struct members *m, const char *path, struct source **ret, struct firn_error *err)
{
	const struct entry *e = members_entry(m, path);
	char quoted[PATH_QUOTE_MAX];
	int rc = e ? open_entry(m, e, ret, err) : 0;

	return rc < 0 ? firn_wrap(err, rc, "%s", path_quote(path, quoted)) : e != NULL;
}

int members_read(struct members *m, const char *path, size_t max, char **ret, size_t *ret_len,
		 struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_free_ char *text = NULL;
	int rc = members_source(m, path, &src, err);

	if (rc <= 0)
		return rc;
	if (src->size > max)
		return firn_fail(err, FIRN_ELIMIT, "%s: has more than %zu bytes", path, max);
	text = malloc((size_t)src->size + 1);
	if (!text)
		return firn_fail_oom(err, path);
	rc = source_read_at(src, text, (size_t)src->size, 0, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path);
	text[src->size] = '\0';
	*ret_len = (size_t)src->size;
	*ret = take_ptr(&text);
	return 1;
}

/* By part, so that each is unpacked once, then as they are met there. */
static int compare(const void *a, const void *b, void *ctx)
{
	const struct members_piece *x = a, *y = b;
	const struct entry *ex = members_entry(ctx, x->path), *ey = members_entry(ctx, y->path);
	const int px = ex ? ex->part : 0, py = ey ? ey->part : 0;
	const int by_path = strcmp(x->path, y->path);

	if (px != py)
		return px - py;
	return by_path ? by_path : (x->at > y->at) - (x->at < y->at);
}

static int fetch_plain(struct members *m, struct members_piece *p, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc = members_source(m, p->path, &src, err);

	if (rc <= 0 || p->at > src->size || p->len > src->size - p->at)
		return rc < 0 ? rc : 0;
	rc = source_read_at(src, p->to, p->len, p->at, err);
	p->there = rc == 0;
	return rc < 0 ? firn_wrap(err, rc, "%s", p->path) : 0;
}

static bool is_passed(const struct members *m, const struct members_piece *p)
{
	const struct entry *e = members_entry(m, p->path);

	return e && e->place == PLACE_PASSED && e->kind == MEMBER_FILE;
}

int members_fetch(struct members *m, struct members_piece *pieces, size_t n, struct firn_error *err)
{
	int rc = 0;

	if (n)
		qsort_r(pieces, n, sizeof(*pieces), compare, m);
	for (size_t i = 0, end; rc >= 0 && i < n; i = end) {
		const struct entry *e = members_entry(m, pieces[i].path);

		end = i + 1;
		if (!is_passed(m, &pieces[i])) {
			rc = fetch_plain(m, &pieces[i], err);
			continue;
		}
		while (end < n && is_passed(m, &pieces[end]) &&
		       members_entry(m, pieces[end].path)->part == e->part)
			end++;
		rc = members_fetch_packed(m, e->part, pieces + i, end - i, err);
	}
	return rc;
}
