/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a build has to say besides its result: warnings for now, losses for ever (org.firn.loss).
 * A loss is something the engine's archive could not carry; it is also a warning.
 */
#ifndef FIRN_INGEST_NOTES_H
#define FIRN_INGEST_NOTES_H

#include "base/error.h"

#include "firn/report.h"

#include <stddef.h>
#include <stdint.h>

#define NOTES_MAX 64 /* losses told one by one; the others are counted */

struct notes {
	const struct firn_report *report; /* borrowed; may be NULL */
	const char
	    *about; /* goes before warnings: the container, where there are several; or NULL */
	char *losses[NOTES_MAX + 1];
	size_t nlosses;
	size_t more;   /* losses beyond NOTES_MAX */
	uint64_t told; /* progress: bytes at the last call */
};

void notes_done(struct notes *n);

void notes_warn(struct notes *n, const char *fmt, ...) _printf_(2, 3);
int notes_loss(struct notes *n, struct firn_error *err, const char *fmt, ...)
    _printf_(3, 4) _must_check_;
/* Ends the list: what was only counted gets a sentence of its own. */
int notes_finish(struct notes *n, struct firn_error *err) _must_check_;

/* Tell the progress when enough is done since the last time. @total 0: nobody knows. */
void notes_progress(struct notes *n, const char *what, uint64_t done, uint64_t total);
/* Tell that all of @total is done. */
void notes_progress_end(struct notes *n, const char *what, uint64_t total);

#endif
