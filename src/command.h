/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A subcommand is one const row: the row checks the number of arguments, parses the options, prints
 * the help and the completion. A cmd_NAME.c exports its row alone; commands.c lists them.
 */
#ifndef FIRN_SRC_COMMAND_H
#define FIRN_SRC_COMMAND_H

#include "opt.h"
#include "out.h"
#include "progress.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CORRUPT = 3,
	EXIT_NOT_FOUND = 4,
	EXIT_HOST = 5,
};

/* One run of the tool. */
struct app {
	const char *state;    /* --state, NULL: the library's default */
	const char *cache;    /* where a command wasn't told another; NULL: the library's default */
	char places[2][4096]; /* what those two point to (places.h) */
	const char *format;   /* --format, NULL: plain text; only for commands with fields */
	int progress_mode;    /* enum progress_mode */
	bool quiet, help, version;
	struct progress progress;
	bool misused; /* the failure was a mistake in the call: main() points to --help */
};

struct command {
	const char *name;
	const char *args;       /* "CHECKPOINT oci:DIR:TAG" */
	const char *summary;    /* half a line for the list of commands */
	const char *about;      /* paragraphs for --help; may be NULL */
	const char *example;    /* lines for --help; may be NULL */
	int min_args, max_args; /* max -1: any number */
	bool hidden;
	const struct opt *options;      /* may be NULL */
	size_t opts_size;               /* of the struct the options are written to */
	const struct out_field *fields; /* NULL: no --format */
	const char *format_word;        /* that --format takes besides; may be NULL */
	/* @opts is the parsed struct. 0 or -code; an empty err->msg was told already. */
	int (*run)(struct app *app, const void *opts, int argc, char **argv,
		   struct firn_error *err);
};

extern const struct command *const commands[]; /* ends with NULL */
extern const struct opt global_options[];      /* into struct app */
extern const struct opt format_options[];      /* into struct app; commands with fields have it */

/* The exit status for -code. */
int exit_status_of(int rc);

const struct command *command_find(const char *name);

/* --help of @c, or of firn itself for NULL. */
void command_help(FILE *f, const struct command *c);

/* A mistake in the call. Returns -FIRN_EINVAL. */
#define misuse(app, err, ...) ((app)->misused = true, fail(err, FIRN_EINVAL, __VA_ARGS__))

extern const struct command cmd_build, cmd_check, cmd_export, cmd_mount, cmd_umount, cmd_restore,
    cmd_inspect, cmd_list, cmd_memory, cmd_diff, cmd_verify, cmd_copy, cmd_tag, cmd_rm, cmd_gc,
    cmd_version, cmd_help, cmd_completion;

#endif
