/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/host.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/run.h"
#include "format/annotations.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#define NAME "runtime"

#define ASK_SECONDS 5
#define OUTPUT_MAX  4096

/* crun loads it when it restores. */
static const char *const libcriu[] = {
	"/usr/lib/*/libcriu.so.2",      "/usr/lib64/libcriu.so.2", "/usr/lib/libcriu.so.2",
	"/usr/local/lib*/libcriu.so.2", "/lib/*/libcriu.so.2",
};

static bool has_libcriu(void)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(libcriu) && !found; i++) {
		glob_t g;

		if (glob(libcriu[i], GLOB_NOSORT, NULL, &g) != 0)
			continue;
		found = g.gl_pathc > 0;
		globfree(&g);
	}
	return found;
}

/* 1 and the path of what is asked for, or of the first that there is; 0 when there is none. */
static int find(const struct check_input *in, char **ret, struct firn_error *err)
{
	static const char *const containers[] = { "runc", "crun" };
	int rc = 0;

	if (in->runtime)
		return run_find(in->runtime, ret, err);
	if (!check_container(in))
		return run_find("criu", ret, err);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(containers); i++)
		rc = run_find(containers[i], ret, err);
	return rc;
}

static const char *runtime_before(const struct check_input *in)
{
	const char *name = in->config ? in->config->runtime : NULL;

	if (!name)
		name = check_annotation(in, ORG_CRIU_RUNTIME_NAME);
	return name && *name ? path_basename(name) : NULL;
}

/* It can be built without. */
static void ask_crun(const char *path, struct check_report *r)
{
	char out[OUTPUT_MAX];
	struct run_args a = { .n = 0 };

	run_arg(&a, path);
	run_arg(&a, "--version");
	if (run_ask(&a, ASK_SECONDS, out, sizeof(out), NULL) == 0 && !strstr(out, "+CRIU"))
		check_add(r, CHECK_FAIL, NAME, "--runtime runc",
			  "this crun was built without CRIU: it can't restore");
	else if (!has_libcriu())
		check_add(r, CHECK_FAIL, NAME, "install the package libcriu2",
			  "crun restores with libcriu.so.2, which isn't on this host");
}

static void compare(const struct check_input *in, const char *path, struct check_report *r)
{
	const char *name = path_basename(path), *before = runtime_before(in);
	const size_t failed = check_count(r, CHECK_FAIL);
	char quoted[PATH_QUOTE_MAX], remedy[PATH_QUOTE_MAX + 20];

	if (strcmp(name, "crun") == 0)
		ask_crun(path, r);
	if (check_count(r, CHECK_FAIL) != failed)
		return;
	if (before && check_container(in) && strcmp(before, name) != 0) {
		snprintf(remedy, sizeof(remedy), "--runtime %s", path_quote(before, quoted));
		check_add(
		    r, CHECK_WARNING, NAME, remedy,
		    "%s made the checkpoint, and %s is to restore it: they don't always understand "
		    "each other's",
		    path_quote(before, quoted), name);
		return;
	}
	check_add(r, CHECK_OK, NAME, NULL, "%s%s", path,
		  before && check_container(in) ? ", which made the checkpoint, too" : "");
}

int check_runtime(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	_free_ char *path = NULL;
	char quoted[PATH_QUOTE_MAX];
	int rc = find(in, &path, err);

	if (rc < 0)
		return rc;
	if (rc > 0) {
		compare(in, path, r);
		return 0;
	}
	if (in->runtime)
		check_add(r, CHECK_FAIL, NAME, "install it, or another one with --runtime",
			  "%s isn't on this host (looked in %s)", path_quote(in->runtime, quoted),
			  RUN_PATH);
	else if (check_container(in))
		check_add(r, CHECK_FAIL, NAME, "install the package runc",
			  "a container's checkpoint needs runc or crun (looked in %s)", RUN_PATH);
	else
		check_add(r, CHECK_FAIL, NAME, "install the package criu",
			  "a bare process is restored by CRIU, which isn't on this host");
	return 0;
}
