/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Will a checkpoint restore on this host? One function for each thing that a restore needs, in two
 * tables: check_host[] asks about the host (processor, kernel, CRIU, runtime), check_world[] about
 * what the processes had around them (files, mounts, connections, pids). A check adds at least one
 * line to the report, also when all is well, and fails only where the question can't be asked: a
 * broken image, no memory. What can't be known is told as such, and never a failure.
 *
 * Nothing is changed on the host, and nothing is taken from the checkpoint but to be compared.
 */
#ifndef FIRN_CHECK_CHECK_H
#define FIRN_CHECK_CHECK_H

#include "bytes/value.h"
#include "format/config_dump.h"
#include "format/criu.h"
#include "format/spec.h"
#include "members/members.h"
#include "serve/served.h"

#define CHECK_LINES_MAX  64         /* of one check; what is more is counted */
#define CHECK_RESULT_MAX (4u << 20) /* bytes of all that is told */
#define CHECK_TEXT_MAX   1024       /* bytes of a sentence or remedy; longer ones are cut */

enum check_level {
	CHECK_OK,
	CHECK_WARNING, /* it may fail, or the processes may notice */
	CHECK_FAIL,    /* the restore fails */
	CHECK_LEVELS,
};

struct check_report;

int check_report_new(struct check_report **ret, struct firn_error *err) _must_check_;
struct check_report *check_report_free(struct check_report *r);
void check_report_freep(struct check_report **r);

/*
 * A line. @name: of the check, static ("cpu"). @remedy: what to do about it, NULL when there is
 * nothing. The sentence has no full stop. Texts are copied.
 */
void check_add(struct check_report *r, enum check_level level, const char *name, const char *remedy,
	       const char *fmt, ...) _printf_(5, 6);

/* How many lines of that level there were, with those that were only counted. */
size_t check_count(const struct check_report *r, enum check_level level);
/* The sentence of the first line that fails, NULL when none does. */
const char *check_first_failure(const struct check_report *r);
/* A list of objects: check, level ("ok", "warning", "fail"), what, remedy. Lives with @r. */
struct firn_value *check_report_value(const struct check_report *r);

enum check_flags {
	/* Just before a restore, which will tell by itself: no programs are run, nothing is tried
	 * that takes its time. */
	CHECK_QUICK = 1 << 0,
	/* The rootfs can only be looked at, and will be written to at the restore. */
	CHECK_LOOKS = 1 << 7,
	/* How it will be restored; firn restore's options of these names. */
	CHECK_LAZY = 1 << 1,
	CHECK_TCP_ESTABLISHED = 1 << 2,
	CHECK_TCP_CLOSE = 1 << 3,
	CHECK_EXT_UNIX = 1 << 4,
	CHECK_FILE_LOCKS = 1 << 5,
	CHECK_SHELL_JOB = 1 << 6,
};

/* Everything is borrowed. */
struct check_input {
	struct members *m;
	struct criu_images *images;       /* CRIU's among them */
	const struct criu_info *dump;     /* criu_inspect() of these */
	const struct config_dump *config; /* the engine's own; NULL: there is none */
	const json_t *spec_dump; /* the dumping host's configuration; NULL: there is none */
	const struct spec *spec; /* config.json as it will be; NULL: not known */
	int rootfs;              /* the root directory as it will be, -1: not known */
	/* It as the folder tree_at of a tree that is mounted nowhere; NULL: rootfs is it. */
	const struct served *tree;
	const char *tree_at;
	/* Why it isn't known, and what to do about that; NULL: nobody says. */
	const char *no_rootfs, *no_rootfs_remedy;
	int upper;                       /* a folder where what is written goes, -1: not known */
	const char *runtime;             /* name or path as it was asked for; NULL: what there is */
	const char *criu;                /* path; NULL: what RUN_PATH has */
	struct criu_asking *criu_asking; /* that one was asked before; NULL: it wasn't */
	const char *host; /* where this host's /proc and /sys are; NULL: at the root */
	unsigned flags;   /* enum check_flags */
	/* What the runtime's restore is told besides, as it is given to it. */
	const char *const *args;
	size_t nargs;
};

typedef int check_fn(const struct check_input *in, struct check_report *r, struct firn_error *err);

struct check {
	const char *name;
	check_fn *run;
};

/* Tables end with a NULL name. */
extern const struct check check_host[];
extern const struct check check_world[];

/* Run all of a table. What a check couldn't ask ends it: its error, with the check's name. */
int check_run(const struct check *table, const struct check_input *in, struct check_report *r,
	      struct firn_error *err) _must_check_;

#endif
