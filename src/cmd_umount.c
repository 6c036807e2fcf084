/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"
#include "interrupt.h"

#include <firn/mount.h>

struct umount_opts {
	bool all;
	uint64_t interrupted; /* the signal that broke off a mount and that we die of in the end */
};

static const struct opt umount_options[] = {
	OPT_FLAG('a', "all", struct umount_opts, all, "Everything that firn has mounted"),
	{ .type = OPT_IS_UINT,
	  .name = "interrupted",
	  .hidden = true,
	  .arg = "SIGNAL",
	  .min = 1,
	  .max = 64,
	  .offset = OPT_AT(struct umount_opts, interrupted, uint64_t) },
	OPT_END,
};

/* All of them, also after one that failed; the status is the first failure's. */
static int umount_each(struct app *app, int n, char **dirs, struct firn_error *err)
{
	int rc = 0;

	for (int i = 0; i < n; i++) {
		int one = firn_umount(dirs[i], app->state, err);

		if (one < 0 && n > 1) {
			progress_error(&app->progress, "umount", err->msg, exit_status_of(one));
			err->msg[0] = '\0';
		}
		rc = rc < 0 ? rc : one;
	}
	return rc;
}

static int umount_run(struct app *app, const void *opts, int argc, char **argv,
		      struct firn_error *err)
{
	const struct umount_opts *o = opts;

	if (o->all && argc)
		return misuse(app, err, "--all and \"%s\" exclude each other", argv[0]);
	if (o->all)
		return firn_umount_all(app->state, err);
	if (argc == 0)
		return misuse(app, err, "it needs DIR or --all");
	if (o->interrupted) {
		int rc = firn_umount(argv[0], app->state, err);

		/* A mount that was broken off before it did anything is not known, and that is
		 * fine. */
		if (rc < 0 && rc != -FIRN_ENOTFOUND)
			progress_error(&app->progress, "umount", err->msg, EXIT_FAILED);
		interrupt_die((int)o->interrupted);
	}
	return umount_each(app, argc, argv, err);
}

const struct command cmd_umount = {
	.name = "umount",
	.args = "[DIR]...",
	.summary = "Take down what mount has put there",
	.about =
	    "Take down what firn mount has put on each DIR, in order; also what a mount that was "
	    "killed half way has left. It is no error when it has been done already.",
	.example = "firn umount /run/ckpt\n"
		   "firn umount --all",
	.max_args = -1,
	.options = umount_options,
	.opts_size = sizeof(struct umount_opts),
	.run = umount_run,
};
