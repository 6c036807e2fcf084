/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/space.h"

#include "base/fd.h"
#include "base/path.h"

#include <string.h>

#define PATHS_MAX 4096 /* pages files of a process; with more of them, all there are */

struct paths {
	char *sorted[PATHS_MAX];
	size_t n;
	size_t last; /* the one that was looked for last: neighbours mostly lie in one file */
	bool all;
};

static void paths_free(struct paths **p)
{
	for (size_t i = 0; *p && i < (*p)->n; i++)
		free((*p)->sorted[i]);
	free(*p);
}

/* Whether @path is there; *ret_at is where it is or would be. */
static bool find(const struct paths *p, const char *path, size_t *ret_at)
{
	size_t from = 0, to = p->n;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;

		if (strcmp(p->sorted[mid], path) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	*ret_at = from;
	return from < p->n && strcmp(p->sorted[from], path) == 0;
}

static int insert(struct paths *p, size_t at, const char *path, struct firn_error *err)
{
	char *copy = strdup(path);

	if (!copy)
		return firn_fail_oom(err, "pages files");
	memmove(p->sorted + at + 1, p->sorted + at, (p->n - at) * sizeof(*p->sorted));
	p->sorted[at] = copy;
	p->n++;
	return 0;
}

static int add_path(const struct space_run *run, void *ctx, struct firn_error *err)
{
	struct paths *p = ctx;
	size_t at = p->last;

	if (run->where != SPACE_PRESENT || p->all ||
	    (at < p->n && strcmp(p->sorted[at], run->path) == 0))
		return 0;
	p->all = !find(p, run->path, &at) && p->n == PATHS_MAX;
	if (p->all)
		return 0;
	p->last = at;
	return find(p, run->path, &at) ? 0 : insert(p, at, run->path, err);
}

static bool is_wanted(const char *path, void *ctx)
{
	const struct paths *p = ctx;
	size_t at;

	if (p->all)
		return strncmp(path_basename(path), "pages-", 6) == 0;
	return find(p, path, &at);
}

int space_unpack(struct space *s, struct firn_error *err)
{
	_cleanup_(paths_free) struct paths *p = NULL;
	int rc;

	if (!members_packed(space_members(s)))
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return firn_fail_oom(err, "pages files");
	rc = space_each(s, add_path, p, err);
	return rc < 0 ? rc : members_unpack(space_members(s), is_wanted, p, err);
}
