/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mounting.h"
#include "registry.h"

#include <firn/check.h>
#include <string.h>

struct check_opts {
	const char *runtime, *rootfs, *container, *cache;
	struct opt_list bases, volumes, runtime_args;
	bool tcp, ext_unix, file_locks, shell_job, lazy, strict;
	struct registry_options registry;
};

static const struct opt check_options[] = {
	OPT_STR(0, "runtime", struct check_opts, runtime, "NAME",
		"Who would restore it: runc, crun, criu, or a path"),
	OPT_STR(0, "rootfs", struct check_opts, rootfs, "DIR",
		"The root directory that the processes will have: nothing is mounted then"),
	OPT_LIST('b', "base", struct check_opts, bases, "[NAME=]IMAGE",
		 "The image the container was made from, when the checkpoint image has none "
		 "inside; with NAME= that of one of several, and may be repeated"),
	OPT_STR('c', "container", struct check_opts, container, "NAME",
		"Only this one, when the image holds several containers"),
	OPT_LIST('v', "volume", struct check_opts, volumes, "OLD=NEW",
		 "The container's volume OLD lies in NEW on this host; may be repeated"),
	OPT_LIST(0, "runtime-arg", struct check_opts, runtime_args, "ARG",
		 "One more argument for the runtime's restore; may be repeated"),
	OPT_FLAG(0, "tcp-established", struct check_opts, tcp,
		 "Connected TCP sockets will be restored"),
	OPT_FLAG(0, "ext-unix-sk", struct check_opts, ext_unix,
		 "Unix sockets whose other end is outside are allowed"),
	OPT_FLAG(0, "file-locks", struct check_opts, file_locks, "File locks will be restored"),
	OPT_FLAG(0, "shell-job", struct check_opts, shell_job,
		 "The process gets the session and the terminal of a shell"),
	OPT_FLAG(0, "lazy", struct check_opts, lazy, "It will run before its memory is read"),
	OPT_STR(0, "cache", struct check_opts, cache, "DIR",
		"Decompressed layers and indexes (/var/cache/firn)"),
	OPT_FLAG(0, "strict", struct check_opts, strict,
		 "Refuse a layer whose own index differs from its tar headers"),
	REGISTRY_OPTIONS(struct check_opts, registry),
	OPT_END,
};

enum { CONTAINER, CHECK, LEVEL, WHAT, REMEDY };
static const struct out_field check_fields[] = {
	[CONTAINER] = { "Container", OUT_STR }, [CHECK] = { "Check", OUT_STR },
	[LEVEL] = { "Level", OUT_STR },         [WHAT] = { "What", OUT_STR },
	[REMEDY] = { "Remedy", OUT_STR },       { NULL, OUT_END },
};

static void checked_freep(struct firn_checked **c)
{
	firn_checked_free(*c);
}

static int write_out(const char *piece, size_t n, void *ctx)
{
	return fwrite(piece, 1, n, ctx) == n ? 0 : -1;
}

static const char *text(const struct firn_value *v, const char *name)
{
	return firn_value_text(firn_value_get(v, name));
}

static void print_line(const struct firn_value *line)
{
	const char *remedy = text(line, "remedy"), *level = text(line, "level");

	printf("%-8s%-14s", strcmp(level, "fail") == 0 ? "FAIL" : level, text(line, "check"));
	out_line(stdout, text(line, "what"));
	if (remedy) {
		fputs(". To do: ", stdout);
		out_line(stdout, remedy);
	}
	putchar('\n');
}

static void print_container(const struct app *app, const struct firn_value *c, bool named)
{
	const struct firn_value *line = firn_value_first(firn_value_get(c, "checks"));
	const char *name = text(c, "container");

	if (!app->format && named) {
		out_line(stdout, name ? name : "checkpoint");
		fputs(":\n", stdout);
	}
	for (; line; line = firn_value_next(line)) {
		if (!app->format)
			print_line(line);
		else
			out_result(stdout, app->format, check_fields,
				   (union out_value[]){
				       [CONTAINER] = { .str = name },
				       [CHECK] = { .str = text(line, "check") },
				       [LEVEL] = { .str = text(line, "level") },
				       [WHAT] = { .str = text(line, "what") },
				       [REMEDY] = { .str = text(line, "remedy") },
				   });
	}
}

static void print(const struct app *app, const struct firn_value *all)
{
	const struct firn_value *c = firn_value_first(all);
	const bool several = c && firn_value_next(c);

	if (app->format && strcmp(app->format, "json") == 0) {
		/* What can't be written shows when standard output is closed. */
		if (firn_value_print(all, 2, write_out, stdout) == 0)
			fputc('\n', stdout);
		return;
	}
	for (; c; c = firn_value_next(c))
		print_container(app, c, several);
}

static unsigned restore_flags(const struct check_opts *o)
{
	return (o->tcp ? FIRN_RESTORE_TCP_ESTABLISHED : 0) |
	       (o->ext_unix ? FIRN_RESTORE_EXT_UNIX : 0) |
	       (o->file_locks ? FIRN_RESTORE_FILE_LOCKS : 0) |
	       (o->shell_job ? FIRN_RESTORE_SHELL_JOB : 0) | (o->lazy ? FIRN_RESTORE_LAZY : 0);
}

/* How many containers can't be restored, and what to say of it. */
static int verdict(const struct firn_value *all, const char *image, struct firn_error *err)
{
	int64_t bad = 0, n = 0, failures = 0;

	for (const struct firn_value *c = firn_value_first(all); c; c = firn_value_next(c)) {
		const int64_t f = firn_value_number(firn_value_get(c, "failures"));

		n++;
		bad += f > 0;
		failures += f;
	}
	if (bad == 0)
		return 0;
	if (n > 1)
		return fail(err, FIRN_EHOST, "%s: %lld of %lld containers can't be restored here",
			    image, (long long)bad, (long long)n);
	return fail(err, FIRN_EHOST, "%s: can't be restored here, for %lld reason%s", image,
		    (long long)failures, failures == 1 ? "" : "s");
}

static int check_run(struct app *app, const void *opts, int argc, char **argv,
		     struct firn_error *err)
{
	const struct check_opts *o = opts;
	_cleanup_(checked_freep) struct firn_checked *checked = NULL;
	struct firn_report report = progress_report(&app->progress);
	_cleanup_(mounting_free) struct firn_mount_opts mount;
	_cleanup_(registry_given_done) struct registry_given registry = { .state = NULL };
	const struct mounting_opts how = { .container = o->container,
					   .cache = o->cache ? o->cache : app->cache,
					   .bases = o->bases,
					   .volumes = o->volumes,
					   .strict = o->strict };
	const struct firn_restore_opts restore = {
		.size = sizeof(restore),
		.flags = restore_flags(o),
		.runtime = o->runtime,
		.runtime_args = o->runtime_args.items,
		.nruntime_args = o->runtime_args.n,
		.mount = &mount,
	};
	const struct firn_check_opts all = { .size = sizeof(all),
					     .restore = &restore,
					     .rootfs = o->rootfs,
					     .registry = &registry.opts };
	int rc = mounting_fill(app, &how, &report, &mount, err);

	(void)argc;
	if (rc == 0)
		rc = registry_fill(&o->registry, &registry, err);
	if (rc == 0)
		rc = firn_check(argv[0], &all, &checked, err);
	progress_clear(&app->progress);
	if (rc < 0)
		return rc;
	print(app, firn_checked_value(checked));
	return verdict(firn_checked_value(checked), argv[0], err);
}

const struct command cmd_check = {
	.name = "check",
	.args = "IMAGE|ARCHIVE",
	.summary = "Ask whether a checkpoint will restore on this host",
	.about =
	    "Ask about everything that a restore needs, before a process dies for it: this "
	    "host's processor and kernel, CRIU and the runtime, the base image, every file "
	    "that the processes use, mounts, connections, process ids. A line for each: ok, "
	    "warning, or FAIL and what to do. The checkpoint is mounted for a moment as firn "
	    "restore does it; firn restore asks the quick ones of these questions itself. The "
	    "exit status is 5 when it can't be restored. What is in a registry is mounted nowhere, "
	    "and no more is fetched of it than is looked at.",
	.example = "firn check oci:layout:r1\n"
		   "firn check docker://registry.example/app:r1\n"
		   "firn check --runtime crun --base oci:base:app checkpoint.tar\n"
		   "firn check --tcp-established oci:layout:db\n"
		   "firn check --format '{{.Level}} {{.What}}' oci:layout:r1",
	.min_args = 1,
	.max_args = 1,
	.options = check_options,
	.opts_size = sizeof(struct check_opts),
	.fields = check_fields,
	.run = check_run,
};
