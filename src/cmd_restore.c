/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asking.h"
#include "interrupt.h"
#include "mounting.h"

#include <firn/restore.h>
#include <string.h>

struct restore_opts {
	struct mounting_opts mounting;
	const char *runtime, *output;
	struct opt_list runtime_args;
	bool tcp, ext_unix, file_locks, shell_job, keep_going, no_check, lazy;
	struct asking_opts asking;
};

static const struct opt restore_options[] = {
	OPT_STR(0, "runtime", struct restore_opts, runtime, "NAME",
		"runc, crun, criu, or a path; without it runc for a container and criu for a bare "
		"process. podman: the image goes to Podman's service as an archive of its own"),
	OPT_LIST(0, "runtime-arg", struct restore_opts, runtime_args, "ARG",
		 "One more argument for the runtime's restore; may be repeated"),
	OPT_STR('o', "output", struct restore_opts, output, "FILE",
		"Append what the container prints; without it nobody reads that"),
	OPT_FLAG(0, "tcp-established", struct restore_opts, tcp, "Restore connected TCP sockets"),
	OPT_FLAG(0, "ext-unix-sk", struct restore_opts, ext_unix,
		 "Allow unix sockets whose other end is outside"),
	OPT_FLAG(0, "file-locks", struct restore_opts, file_locks, "Restore file locks"),
	OPT_FLAG(0, "shell-job", struct restore_opts, shell_job,
		 "The process shared a session and a terminal with a shell"),
	OPT_FLAG(
	    0, "lazy", struct restore_opts, lazy,
	    "Run before the memory is read: CRIU's lazy-pages daemon brings it when it is touched"),
	OPT_FLAG('k', "keep-going", struct restore_opts, keep_going,
		 "Of several containers let those run that can, also when others can't"),
	OPT_FLAG(0, "no-check", struct restore_opts, no_check,
		 "Don't ask first whether it will fail, but try"),
	ASKING_OPTIONS(struct restore_opts, asking),
	MOUNTING_OPTIONS(struct restore_opts, mounting),
	OPT_END,
};

enum { ID, PID, RUNTIME };
static const struct out_field restore_fields[] = {
	[ID] = { "ID", OUT_STR },
	[PID] = { "PID", OUT_UINT },
	[RUNTIME] = { "Runtime", OUT_STR },
	{ NULL, OUT_END },
};

static void restored_freep(struct firn_restored **r)
{
	firn_restored_free(*r);
}

static void restores_freep(struct firn_restores **r)
{
	firn_restores_free(*r);
}

static unsigned restore_flags(const struct restore_opts *o)
{
	return (o->tcp ? FIRN_RESTORE_TCP_ESTABLISHED : 0) |
	       (o->ext_unix ? FIRN_RESTORE_EXT_UNIX : 0) |
	       (o->file_locks ? FIRN_RESTORE_FILE_LOCKS : 0) |
	       (o->shell_job ? FIRN_RESTORE_SHELL_JOB : 0) | (o->lazy ? FIRN_RESTORE_LAZY : 0) |
	       (o->keep_going ? FIRN_RESTORE_KEEP_GOING : 0) |
	       (o->no_check ? FIRN_RESTORE_NO_CHECK : 0);
}

/* The id of a container, the pid of a process that has none. */
static void print_result(const struct app *app, const struct firn_restored *r)
{
	const char *plain = firn_restored_id(r) ? "{{.ID}}" : "{{.PID}}";

	out_result(stdout, app->format ? app->format : plain, restore_fields,
		   (union out_value[]){
		       [ID] = { .str = firn_restored_id(r) },
		       [PID] = { .num = (uint64_t)firn_restored_pid(r) },
		       [RUNTIME] = { .str = firn_restored_runtime(r) },
		   });
}

/* Under a name of the caller's it is one container. */
static int restore_named(struct app *app, char **argv, const struct firn_restore_opts *opts,
			 struct firn_error *err)
{
	_cleanup_(restored_freep) struct firn_restored *restored = NULL;
	int rc = firn_restore(argv[0], argv[1], opts, &restored, err);

	progress_clear(&app->progress);
	if (rc == 0)
		print_result(app, restored);
	return rc;
}

static int restore_all(struct app *app, char **argv, const struct firn_restore_opts *opts,
		       struct firn_error *err)
{
	_cleanup_(restores_freep) struct firn_restores *restores = NULL;
	int rc = firn_restore_all(argv[0], opts, &restores, err);

	progress_clear(&app->progress);
	for (size_t i = 0; rc >= 0 && i < firn_restores_count(restores); i++)
		print_result(app, firn_restores_get(restores, i));
	if (rc > 0)
		return fail(err, FIRN_EHOST, "%d of %zu containers could not be restored", rc,
			    (size_t)rc + firn_restores_count(restores));
	return rc;
}

static bool by_podman(const struct restore_opts *o)
{
	return o->runtime && strcmp(o->runtime, "podman") == 0;
}

/* Of no use for other runtimes, and then not asked for. */
static int fill_podman(struct app *app, const struct restore_opts *o, struct firn_podman_opts *ret,
		       char **ret_owned, struct firn_error *err)
{
	if (by_podman(o))
		return asking_fill(&o->asking, 0, ret, ret_owned, err);
	if (o->asking.socket || o->asking.timeout)
		return misuse(app, err, "%s is for --runtime podman alone",
			      o->asking.socket ? "--socket" : "--timeout");
	*ret = (struct firn_podman_opts){ .size = sizeof(*ret) };
	return 0;
}

/* A signal while no program runs that gets it, too. */
static int is_interrupted(void *ctx)
{
	int *signal = ctx;

	*signal = interrupt_passed();
	return *signal != 0;
}

static int restore_run(struct app *app, const void *opts, int argc, char **argv,
		       struct firn_error *err)
{
	const struct restore_opts *o = opts;
	struct firn_report report = progress_report(&app->progress);
	_cleanup_(mounting_free) struct firn_mount_opts how;
	_free_ char *socket = NULL;
	struct firn_podman_opts podman;
	int signal = 0;
	struct firn_restore_opts restore = {
		.size = sizeof(restore),
		.flags = restore_flags(o),
		.runtime = o->runtime,
		.runtime_args = o->runtime_args.items,
		.nruntime_args = o->runtime_args.n,
		.mount = &how,
		.output = o->output,
		.podman = &podman,
		.stop = is_interrupted,
		.stop_ctx = &signal,
	};
	int rc = mounting_fill(app, &o->mounting, &report, &how, err);

	if (rc == 0)
		rc = fill_podman(app, o, &podman, &socket, err);
	if (rc < 0)
		return rc;
	/* Podman's service goes on without us: there a signal ends this process as any other. */
	if (!by_podman(o))
		interrupt_passes();
	rc = argc > 1 ? restore_named(app, argv, &restore, err)
		      : restore_all(app, argv, &restore, err);
	interrupt_default();
	if (signal) {
		(void)fflush(stdout);
		interrupt_die(signal);
	}
	return rc;
}

const struct command cmd_restore = {
	.name = "restore",
	.args = "IMAGE|ARCHIVE [NAME]",
	.summary = "Mount a checkpoint and let its processes run on",
	.about =
	    "Mount a checkpoint, restore it with a runtime, and take down the mounts that nobody "
	    "needs any more. NAME is the new container's id; without it the checkpoint's name is "
	    "taken. The id is printed, or the pid of a bare process. Of an image that holds "
	    "several "
	    "containers all are restored, each under its name in the image: a line is printed for "
	    "each. When one can't be, those that run already are killed again.",
	.example = "firn restore oci:layout:r1 r1\n"
		   "firn restore --runtime crun --upper /srv/r1 oci:layout:r1 r1\n"
		   "firn restore --runtime podman oci:layout:r1",
	.min_args = 1,
	.max_args = 2,
	.options = restore_options,
	.opts_size = sizeof(struct restore_opts),
	.fields = restore_fields,
	.run = restore_run,
};
