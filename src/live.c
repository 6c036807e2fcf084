/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live.h"

#include "util.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* XTerm Control Sequences: CUU, EL, ED. */
#define UP         "\033[%zuA"
#define REST_LINE  "\033[K"
#define REST_BELOW "\033[J"

static struct winsize size_of(const struct live *l)
{
	struct winsize w;

	if (ioctl(fileno(l->f), TIOCGWINSZ, &w) < 0)
		w = (struct winsize){ 0 };
	w.ws_col = w.ws_col ? w.ws_col : 80;
	w.ws_row = w.ws_row ? w.ws_row : 24;
	return w;
}

void live_room(const struct live *l, unsigned *ret_columns, unsigned *ret_lines)
{
	const struct winsize w = size_of(l);

	*ret_columns = w.ws_col > LIVE_COLUMNS ? LIVE_COLUMNS : w.ws_col - 1u;
	*ret_lines = w.ws_row > LIVE_LINES ? LIVE_LINES : w.ws_row - 1u;
}

/* Who is in the background doesn't write into somebody else's screen. */
static bool in_front(const struct live *l)
{
	const pid_t group = tcgetpgrp(fileno(l->f));

	return group < 0 || group == getpgrp();
}

/*
 * Whether the process was stopped since the last time: what is above the cursor is the shell's
 * then. The signal is blocked and asked for, its work is done by the kernel in any case.
 */
static bool was_stopped(struct live *l)
{
	const struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	if (!l->began) {
		l->began = true;
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
		return false;
	}
	return sigtimedwait(&set, NULL, &now) == SIGCONT;
}

/* To the beginning of the first line. */
static void go_up(const struct live *l, FILE *to)
{
	const size_t width = size_of(l).ws_col;
	size_t rows = 0;

	for (size_t i = 0; i < l->n; i++)
		rows += l->len[i] > width ? (l->len[i] + width - 1) / width : 1;
	if (rows)
		fprintf(to, "\r" UP, rows);
}

static void put(struct live *l, const char *text, size_t len)
{
	(void)!fwrite(text, 1, len, l->f);
	fflush(l->f);
}

void live_draw(struct live *l, const char *above, live_line *lines, size_t n)
{
	const bool front = in_front(l);
	_free_ char *text = NULL;
	size_t len;
	FILE *to;

	if (!front || was_stopped(l))
		l->n = 0;
	if (!front) {
		put(l, above, strlen(above));
		return;
	}
	to = open_memstream(&text, &len);
	if (!to)
		return;
	go_up(l, to);
	/* Those may be longer than the terminal is wide: nothing can be wiped behind them. */
	if (*above)
		fprintf(to, "%s%s", l->n ? REST_BELOW : "", above);
	for (size_t i = 0; i < n; i++) {
		fprintf(to, "%s" REST_LINE "\n", lines[i]);
		l->len[i] = strlen(lines[i]);
	}
	if (l->n)
		fputs(REST_BELOW, to);
	l->n = n;
	if (fclose(to) == 0)
		put(l, text, len);
}

void live_wipe(struct live *l)
{
	if (l->n)
		live_draw(l, "", NULL, 0);
}
