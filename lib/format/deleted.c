/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/deleted.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/json.h"

#include <stdlib.h>
#include <string.h>

void deleted_done(struct deleted *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->paths[i]);
	free(d->paths);
	*d = (struct deleted){ 0 };
}

bool deleted_is_lossy(const char *path)
{
	return strstr(path, "\xef\xbf\xbd") != NULL;
}

/* '/' sorts before every byte, so that all below a folder follows it without a gap. */
static int compare_paths(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (*a == '/' && *b)
		return -1;
	if (*b == '/' && *a)
		return 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int compare_items(const void *a, const void *b)
{
	return compare_paths(*(char *const *)a, *(char *const *)b);
}

/* @path is @top or lies below it. */
static bool covers(const char *top, const char *path)
{
	size_t n = strlen(top);

	return strncmp(top, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* In a sorted list whatever @keep covers follows it. */
static void drop_covered(struct deleted *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->count; i++) {
		if (kept && covers(d->paths[kept - 1], d->paths[i]))
			free(d->paths[i]);
		else
			d->paths[kept++] = d->paths[i];
	}
	d->count = kept;
}

static int parse_path(const json_t *item, char **ret, struct firn_error *err)
{
	const char *text = json_string_value(item);
	_free_ char *path = NULL;
	int rc;

	if (!text)
		return firn_fail(err, FIRN_ECORRUPT, "holds something that is no string");
	if (strlen(text) != json_string_length(item))
		return firn_fail(err, FIRN_ECORRUPT, "a path has a NUL byte");
	rc = path_normalise(text + strspn(text, "/"), &path, err);
	if (rc < 0)
		return rc;
	if (!*path)
		return firn_fail(err, FIRN_ECORRUPT, "names the root folder");
	*ret = take_ptr(&path);
	return 0;
}

int deleted_parse(const char *text, size_t len, struct deleted *ret, struct firn_error *err)
{
	_cleanup_(deleted_done) struct deleted d = { 0 };
	_json_ json_t *doc = NULL;
	size_t n;
	int rc;

	if (len > DELETED_BYTES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "deleted.files is larger than %u bytes",
				 DELETED_BYTES_MAX);
	rc = json_parse(text, len, &doc, err);
	if (rc < 0)
		return firn_wrap(err, rc, "deleted.files");
	if (!json_is_array(doc))
		return firn_fail(err, FIRN_ECORRUPT, "deleted.files is no JSON array");
	n = json_array_size(doc);
	if (n > DELETED_PATHS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "deleted.files has more than %u paths",
				 DELETED_PATHS_MAX);
	d.paths = calloc(n + 1, sizeof(*d.paths));
	if (!d.paths)
		return firn_fail_oom(err, "deleted.files");
	for (; d.count < n; d.count++) {
		rc = parse_path(json_array_get(doc, d.count), &d.paths[d.count], err);
		if (rc < 0)
			return firn_wrap(err, rc, "deleted.files[%zu]", d.count);
	}
	qsort(d.paths, d.count, sizeof(*d.paths), compare_items);
	drop_covered(&d);
	*ret = d;
	d = (struct deleted){ 0 };
	return 0;
}

enum deleted_effect deleted_effect(const char *path, const struct tree *diff)
{
	const char *rest;
	const struct node *n = tree_reach(diff, path, &rest);

	if (!S_ISDIR(n->mode))
		return DELETED_NOTHING;
	return *rest ? DELETED_WHITEOUT : DELETED_OPAQUE;
}
