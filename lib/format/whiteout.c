/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/whiteout.h"

#include "base/fd.h"
#include "base/path.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_marked(const char *name)
{
	return strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0;
}

static int refuse(const char *path, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, FIRN_ECORRUPT, "entry %s: names with \".wh.\" mean deletions",
			 path_quote(path, quoted));
}

int whiteout_parse(const char *path, char **ret, struct firn_error *err)
{
	const char *name = path_basename(path), *hidden = name + strlen(WHITEOUT_PREFIX);
	const size_t folder = (size_t)(name - path); /* with its slash */
	bool all;
	char *to;

	for (const char *at = path; at != name; at = strchr(at, '/') + 1)
		if (is_marked(at))
			return refuse(path, err);
	if (!is_marked(name))
		return WHITEOUT_NONE;
	all = strcmp(name, WHITEOUT_OPAQUE) == 0;
	if (!all && (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0 ||
		     is_marked(hidden)))
		return refuse(path, err);
	if (!ret)
		return all ? WHITEOUT_ALL : WHITEOUT_HIDES;
	if (all)
		to = strndup(path, folder ? folder - 1 : 0);
	else if (asprintf(&to, "%.*s%s", (int)folder, path, hidden) < 0)
		to = NULL;
	if (!to)
		return firn_fail_oom(err, "name");
	*ret = to;
	return all ? WHITEOUT_ALL : WHITEOUT_HIDES;
}
