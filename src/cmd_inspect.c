/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include "registry.h"
#include "show.h"

#include <firn/inspect.h>
#include <string.h>

struct inspect_opts {
	uint64_t pid;
	const char *container, *base;
	bool environment, areas;
	struct registry_options registry;
};

static const struct opt inspect_options[] = {
	OPT_UINT('p', "pid", struct inspect_opts, pid, 1, INT32_MAX, "N",
		 "Only the process N and its children, with their memory areas"),
	OPT_FLAG(0, "ps-tree-env", struct inspect_opts, environment,
		 "The processes' environments too: they often hold secrets"),
	OPT_FLAG(0, "areas", struct inspect_opts, areas, "Every memory area of every process"),
	OPT_STR(0, "container", struct inspect_opts, container, "NAME",
		"Only this one of an image's several containers"),
	OPT_STR('b', "base", struct inspect_opts, base, "IMAGE",
		"The image the container was made from: what of the filesystem delta is new"),
	REGISTRY_OPTIONS(struct inspect_opts, registry),
	OPT_END,
};

/* Texts and numbers of a container, by what firn_inspection_value() calls them. */
static const struct {
	const char *object, *name;
} sources[] = {
	{ NULL, "container_name" },
	{ NULL, "engine" },
	{ NULL, "runtime" },
	{ NULL, "image" },
	{ NULL, "id" },
	{ NULL, "created" },
	{ NULL, "checkpointed" },
	{ "metadata", "pod_name" },
	{ "metadata", "kubernetes_namespace" },
	{ NULL, "ip" },
	{ "host", "architecture" },
	{ "host", "criu_version" },
	{ "process_tree", "cmdline" },
	{ NULL, "processes" },
	{ "checkpoint_size", "total_size" },
	{ "checkpoint_size", "memory_pages_size" },
	{ "delta", "size" },
};

static const struct out_field inspect_fields[] = {
	{ "Name", OUT_STR },         { "Engine", OUT_STR },       { "Runtime", OUT_STR },
	{ "Image", OUT_STR },        { "ID", OUT_STR },           { "Created", OUT_STR },
	{ "Checkpointed", OUT_STR }, { "Pod", OUT_STR },          { "Namespace", OUT_STR },
	{ "IP", OUT_STR },           { "Architecture", OUT_STR }, { "CRIUVersion", OUT_STR },
	{ "Command", OUT_STR },      { "Processes", OUT_UINT },   { "Size", OUT_UINT },
	{ "PagesSize", OUT_UINT },   { "DeltaSize", OUT_UINT },   { NULL, OUT_END },
};

static void inspection_freep(struct firn_inspection **i)
{
	firn_inspection_free(*i);
}

static int write_out(const char *piece, size_t n, void *ctx)
{
	return fwrite(piece, 1, n, ctx) == n ? 0 : -1;
}

static void print_template(const char *format, const struct firn_value *container)
{
	union out_value values[ARRAY_SIZE(sources)];

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		const struct firn_value *v = container;

		if (sources[i].object)
			v = firn_value_get(v, sources[i].object);
		v = firn_value_get(v, sources[i].name);
		if (inspect_fields[i].type == OUT_UINT)
			values[i].num = (uint64_t)firn_value_number(v);
		else
			values[i].str = firn_value_text(v);
	}
	out_result(stdout, format, inspect_fields, values);
}

static int print(const struct app *app, const struct firn_value *all, struct firn_error *err)
{
	const struct firn_value *c = firn_value_first(all);

	if (app->format && strcmp(app->format, "json") == 0) {
		/* What can't be written shows when standard output is closed. */
		if (firn_value_print(all, 2, write_out, stdout) == 0)
			fputc('\n', stdout);
		return 0;
	}
	for (; c; c = firn_value_next(c)) {
		if (app->format && strcmp(app->format, "tree") != 0)
			print_template(app->format, c);
		else if (!show_container(stdout, c))
			return fail(err, FIRN_ENOMEM, "out of memory");
	}
	return 0;
}

static int inspect_run(struct app *app, const void *opts, int argc, char **argv,
		       struct firn_error *err)
{
	const struct inspect_opts *o = opts;
	_cleanup_(inspection_freep) struct firn_inspection *found = NULL;
	struct firn_report report = progress_report(&app->progress);
	_cleanup_(registry_given_done) struct registry_given registry;
	const struct firn_inspect_opts how = {
		.size = sizeof(how),
		.flags = (o->environment ? FIRN_INSPECT_ENVIRONMENT : 0) |
			 (o->areas ? FIRN_INSPECT_AREAS : 0),
		.container = o->container,
		.pid = (uint32_t)o->pid,
		.report = &report,
		.base = o->base,
		.registry = &registry.opts,
	};
	int rc = registry_fill(&o->registry, &registry, err);

	(void)argc;
	if (rc == 0)
		rc = firn_inspect(argv[0], &how, &found, err);
	progress_clear(&app->progress);
	return rc < 0 ? rc : print(app, firn_inspection_value(found), err);
}

const struct command cmd_inspect = {
	.name = "inspect",
	.args = "CHECKPOINT|IMAGE",
	.summary = "Show what is in a checkpoint: processes, files, memory, origin",
	.about =
	    "Look into anything that firn build takes or makes, without restoring or mounting "
	    "it: an engine's archive (compressed or not), a folder, a checkpoint image or an "
	    "index of ctr (oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG], or the path), one in a "
	    "registry (docker://HOST/REPOSITORY[:TAG|@DIGEST]: no more is fetched than is "
	    "looked at), - for standard input. What isn't compressed "
	    "is not read through, however large. --format tree, which is the default, is for "
	    "people; json has checkpointctl's fields and more.",
	.example = "firn inspect checkpoint.tar\n"
		   "firn inspect --pid 1 oci:layout:r1\n"
		   "firn inspect docker://registry.example/app:r1\n"
		   "firn inspect --format '{{.Name}} {{.Image}}' checkpoint.tar\n"
		   "firn inspect --format json checkpoint.tar | jq '.[0].process_tree'",
	.min_args = 1,
	.max_args = 1,
	.options = inspect_options,
	.opts_size = sizeof(struct inspect_opts),
	.fields = inspect_fields,
	.format_word = "tree",
	.run = inspect_run,
};
