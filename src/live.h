/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Some lines at the end of what a terminal shows, drawn over as they change, while others scroll by
 * above them. Between two drawings the cursor is at the beginning of the line below them, visible,
 * without any attribute: whatever ends the process leaves the terminal as it should be.
 *
 * A drawing is one write, with nothing wiped that is not overwritten at once: nothing flickers.
 * Lines are cut so that none wraps. The terminal is asked for its size each time; where it has
 * become narrower since, the old lines are taken for wrapped, as terminals do it today.
 */
#ifndef FIRN_SRC_LIVE_H
#define FIRN_SRC_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LIVE_LINES   72
#define LIVE_COLUMNS 200 /* no line is longer, however wide the terminal is */

typedef char live_line[LIVE_COLUMNS + 1]; /* characters of one column each */

struct live {
	FILE *f;
	bool began;
	size_t n; /* lines that are shown */
	size_t len[LIVE_LINES];
};

/* How much there is room for: columns of a line, lines. */
void live_room(const struct live *l, unsigned *ret_columns, unsigned *ret_lines);
/* Show @above (lines with their newlines; may be empty) for good, and @lines below it. */
void live_draw(struct live *l, const char *above, live_line *lines, size_t n);
void live_wipe(struct live *l);

#endif
