/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include "difference.h"
#include "registry.h"

#include <firn/diff.h>
#include <string.h>

struct diff_opts {
	const char *container, *container_b;
	bool environment, content, moved, no_memory, exit_code;
	struct registry_options registry;
};

static const struct opt diff_options[] = {
	OPT_FLAG('e', "exit-code", struct diff_opts, exit_code,
		 "Exit status 1 when they differ, 0 when they don't"),
	OPT_FLAG(0, "content", struct diff_opts, content,
		 "Read the files of the filesystem deltas, to compare what is in them"),
	OPT_FLAG(0, "moved", struct diff_opts, moved,
		 "Look for B's pages at other addresses of A, too"),
	OPT_FLAG(0, "no-memory", struct diff_opts, no_memory,
		 "Don't compare the processes' memory, which has to be read for that"),
	OPT_FLAG(0, "ps-tree-env", struct diff_opts, environment,
		 "Variables of the processes' environments: they often hold secrets"),
	OPT_STR(0, "container", struct diff_opts, container, "NAME",
		"Which one of an image's several containers"),
	OPT_STR(0, "container-b", struct diff_opts, container_b, "NAME",
		"Which one of B, where it is called otherwise than in A"),
	REGISTRY_OPTIONS(struct diff_opts, registry),
	OPT_END,
};

/* Numbers of firn_difference_value(): a member of an object, or all differences of a section. */
static const struct {
	const char *object, *name;
} sources[] = {
	{ NULL, "equal" },       { "origin", NULL },      { "processes", NULL },
	{ "files", NULL },       { "sockets", NULL },     { "mounts", NULL },
	{ "mountpoints", NULL }, { "environment", NULL }, { "delta", NULL },
	{ "memory", "equal" },   { "memory", "changed" }, { "memory", "new" },
	{ "memory", "gone" },    { "memory", "moved" },   { "weight", "pages" },
	{ "weight", "total" },
};

static const struct out_field diff_fields[] = {
	{ "Equal", OUT_BOOL },
	{ "Origin", OUT_UINT },
	{ "Processes", OUT_UINT },
	{ "Files", OUT_UINT },
	{ "Sockets", OUT_UINT },
	{ "Mounts", OUT_UINT },
	{ "Mountpoints", OUT_UINT },
	{ "Environment", OUT_UINT },
	{ "Delta", OUT_UINT },
	{ "PagesEqual", OUT_UINT },
	{ "PagesChanged", OUT_UINT },
	{ "PagesNew", OUT_UINT },
	{ "PagesGone", OUT_UINT },
	{ "PagesMoved", OUT_UINT },
	{ "WeightPages", OUT_UINT },
	{ "Weight", OUT_UINT },
	{ NULL, OUT_END },
};

static void difference_freep(struct firn_difference **d)
{
	firn_difference_free(*d);
}

static int write_out(const char *piece, size_t n, void *ctx)
{
	return fwrite(piece, 1, n, ctx) == n ? 0 : -1;
}

static void print_template(const char *format, const struct firn_value *all)
{
	union out_value values[ARRAY_SIZE(sources)] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		const struct firn_value *v = all;

		if (sources[i].object)
			v = firn_value_get(v, sources[i].object);
		if (sources[i].name)
			v = firn_value_get(v, sources[i].name);
		if (diff_fields[i].type == OUT_BOOL)
			values[i].flag = firn_value_number(v) != 0;
		else if (sources[i].name)
			values[i].num = (uint64_t)firn_value_number(v);
		else
			values[i].num = difference_count(v);
	}
	out_result(stdout, format, diff_fields, values);
}

static int print(const struct app *app, const struct firn_value *all, struct firn_error *err)
{
	if (app->format && strcmp(app->format, "json") == 0) {
		/* What can't be written shows when standard output is closed. */
		if (firn_value_print(all, 2, write_out, stdout) == 0)
			fputc('\n', stdout);
	} else if (app->format && strcmp(app->format, "tree") != 0) {
		print_template(app->format, all);
	} else if (!difference_show(stdout, all)) {
		return fail(err, FIRN_ENOMEM, "out of memory");
	}
	return 0;
}

static int diff_run(struct app *app, const void *opts, int argc, char **argv,
		    struct firn_error *err)
{
	const struct diff_opts *o = opts;
	_cleanup_(difference_freep) struct firn_difference *found = NULL;
	struct firn_report report = progress_report(&app->progress);
	_cleanup_(registry_given_done) struct registry_given registry = { .state = NULL };
	const struct firn_diff_opts how = {
		.size = sizeof(how),
		.flags = (o->environment ? FIRN_DIFF_ENVIRONMENT : 0) |
			 (o->content ? FIRN_DIFF_CONTENT : 0) | (o->moved ? FIRN_DIFF_MOVED : 0) |
			 (o->no_memory ? FIRN_DIFF_NO_MEMORY : 0),
		.container_a = o->container,
		.container_b = o->container_b,
		.report = &report,
		.registry = &registry.opts,
	};
	const struct firn_value *all;
	int rc;

	(void)argc;
	if (strcmp(argv[0], "-") == 0 && strcmp(argv[1], "-") == 0)
		return misuse(app, err, "only one of the two can come from standard input");
	rc = registry_fill(&o->registry, &registry, err);
	if (rc == 0)
		rc = firn_diff(argv[0], argv[1], &how, &found, err);
	progress_clear(&app->progress);
	if (rc < 0)
		return rc;
	all = firn_difference_value(found);
	rc = print(app, all, err);
	/* Without a sentence: that they differ is no failure, and was told on standard output. */
	if (rc == 0 && o->exit_code && !firn_value_number(firn_value_get(all, "equal")))
		return -FIRN_EFAIL;
	return rc;
}

const struct command cmd_diff = {
	.name = "diff",
	.args = "A B",
	.summary = "Compare two checkpoints: processes, files, memory",
	.about = "What has changed from the checkpoint A to the checkpoint B: processes, open "
		 "files, sockets, mounts, environments, the origin; the filesystem deltas entry "
		 "by entry; the memory page by page, and what an image of B would weigh that "
		 "has A already. Both are whatever firn inspect takes, in the same form or not.",
	.example = "firn diff before.tar after.tar\n"
		   "firn diff --no-memory --content oci:layout:r1 oci:layout:r2\n"
		   "firn diff --format '{{.PagesChanged}} {{.Weight}}' before.tar after.tar\n"
		   "firn diff --exit-code before.tar oci:layout:before && rm before.tar",
	.min_args = 2,
	.max_args = 2,
	.options = diff_options,
	.opts_size = sizeof(struct diff_opts),
	.fields = diff_fields,
	.format_word = "tree",
	.run = diff_run,
};
