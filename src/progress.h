/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the user sees on standard error while the library works: a bar on a terminal, a line now and
 * then elsewhere, JSON lines for a program that reads along. Warnings and the final error come the
 * same way, so that with --progress=json every line is a JSON object.
 */
#ifndef FIRN_SRC_PROGRESS_H
#define FIRN_SRC_PROGRESS_H

#include "live.h"

#include <firn/report.h>

#include <stdbool.h>
#include <stdio.h>

/* In the order of PROGRESS_NAMES. */
enum progress_mode { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };
#define PROGRESS_NAMES "auto|bar|plain|json|none"

struct progress {
	FILE *f;
	enum progress_mode mode; /* never PROGRESS_AUTO after progress_init() */
	bool quiet;              /* no warnings either */
	bool color;
	bool bar_shown;     /* the cursor is in a line that progress_clear() wipes */
	double begin, last; /* seconds of CLOCK_MONOTONIC; begin 0: nothing seen yet */
	uint64_t first;     /* bytes that were done at begin */
	uint64_t seen;      /* bytes that were done at last */
	struct live live;   /* where several things are in progress at once */
};

/* Seconds of CLOCK_MONOTONIC. */
double progress_now(void);
/* @mode PROGRESS_AUTO becomes a bar if @f is a terminal that can, plain lines otherwise. */
void progress_init(struct progress *p, FILE *f, enum progress_mode mode, bool quiet);
/* The library's callbacks; @p is their ctx. */
struct firn_report progress_report(struct progress *p);
/* Something that is done, as a line of its own; in JSON @json, the members of an object. */
void progress_done(struct progress *p, const char *text, const char *json);
/* Wipe the bar or the lines, if there are any. */
void progress_clear(struct progress *p);
/* The sentence of a failure: "firn: @verb: @text". @verb may be NULL. */
void progress_error(struct progress *p, const char *verb, const char *text, int status);

#endif
