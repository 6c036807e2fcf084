/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include "amount.h"
#include "out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_EVERY   0.1 /* seconds between two drawings */
#define PLAIN_EVERY 3.0
#define JSON_EVERY  0.5
#define BAR_NAME    28 /* columns for what is being done */
#define BAR_MAX     30 /* columns of the bar itself */
#define BAR_REST    42 /* columns for percents, bytes, rate and time */

double progress_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool terminal_can(FILE *f)
{
	const char *term = getenv("TERM");

	return isatty(fileno(f)) && term && strcmp(term, "dumb") != 0;
}

void progress_init(struct progress *p, FILE *f, enum progress_mode mode, bool quiet)
{
	const char *no_color = getenv("NO_COLOR");

	*p = (struct progress){ .f = f, .mode = mode, .quiet = quiet, .live.f = f };
	if (mode == PROGRESS_AUTO)
		p->mode = terminal_can(f) ? PROGRESS_BAR : PROGRESS_PLAIN;
	/* no-color.org: present and not empty */
	p->color = terminal_can(f) && p->mode != PROGRESS_JSON && !(no_color && *no_color);
}

void progress_clear(struct progress *p)
{
	live_wipe(&p->live);
	if (!p->bar_shown)
		return;
	fputs("\r\033[K", p->f);
	fflush(p->f);
	p->bar_shown = false;
}

/* Bytes a second since the beginning, 0 when it is too early to say. */
static double rate(const struct progress *p, uint64_t done, double t)
{
	return t - p->begin > 0.2 && done > p->first ? (double)(done - p->first) / (t - p->begin)
						     : 0;
}

/* The end of the name, which says more than its beginning, and no byte that a terminal acts on. */
static void put_name(char ret[BAR_NAME + 1], const char *what)
{
	size_t len = strlen(what);
	size_t i = 0;

	if (len > BAR_NAME) {
		what += len - (BAR_NAME - 3);
		memcpy(ret, "...", 3);
		i = 3;
	}
	for (; *what; what++)
		ret[i++] = *what < 0x20 || *what > 0x7e ? '?' : *what;
	ret[i] = '\0';
}

/* " 80 MiB/s ETA 0:05", or nothing when it is too early to say. */
static void put_speed(char *ret, size_t size, const struct firn_progress *step, double per_second)
{
	unsigned long left;
	char speed[AMOUNT_MAX];

	*ret = '\0';
	if (per_second <= 0)
		return;
	amount_rate(speed, per_second);
	snprintf(ret, size, " %s", speed);
	if (step->total <= step->done)
		return;
	left = (unsigned long)((double)(step->total - step->done) / per_second);
	snprintf(ret, size, " %s ETA %lu:%02lu", speed, left / 60, left % 60);
}

static void put_bar(char ret[BAR_MAX + 1], double part, unsigned room)
{
	unsigned fill;

	room = room > BAR_MAX ? BAR_MAX : room;
	fill = part >= 1 ? room : (unsigned)(part * room);
	memset(ret, '#', fill);
	memset(ret + fill, '-', room - fill);
	ret[room] = '\0';
}

static void draw_bar(struct progress *p, const struct firn_progress *step, double t)
{
	char name[BAR_NAME + 1], done[AMOUNT_MAX], speed[64], bar[BAR_MAX + 1] = "",
									    percent[16] = "";
	unsigned width, lines;
	char line[256];

	live_room(&p->live, &width, &lines);
	put_name(name, step->what);
	amount_bytes(done, (double)step->done);
	put_speed(speed, sizeof(speed), step, rate(p, step->done, t));
	if (step->total) {
		double part = (double)step->done / (double)step->total;

		snprintf(percent, sizeof(percent), "%3.0f%% ", 100 * part);
		put_bar(bar, part,
			width >= BAR_NAME + BAR_REST ? width + 1 - BAR_NAME - BAR_REST : 0);
	}
	snprintf(line, sizeof(line), "%-*s %s%s %s%s", BAR_NAME, name, percent, bar, done, speed);
	/* A line that wraps can't be drawn over. */
	fprintf(p->f, "\r%.*s\033[K", (int)width, line);
	fflush(p->f);
	p->bar_shown = true;
}

static void print_plain(struct progress *p, const struct firn_progress *step, double t)
{
	char done[AMOUNT_MAX], total[AMOUNT_MAX], speed[AMOUNT_MAX];

	amount_bytes(done, (double)step->done);
	amount_bytes(total, (double)step->total);
	amount_rate(speed, rate(p, step->done, t));
	fputs("firn: ", p->f);
	out_line(p->f, step->what);
	if (step->total)
		fprintf(p->f, ": %s of %s (%.0f%%), %s\n", done, total,
			100.0 * (double)step->done / (double)step->total, speed);
	else
		fprintf(p->f, ": %s, %s\n", done, speed);
	fflush(p->f);
}

static void print_json(struct progress *p, const struct firn_progress *step, double t)
{
	fputs("{\"event\":\"progress\",\"what\":", p->f);
	out_json_string(p->f, step->what);
	fprintf(p->f, ",\"done\":%" PRIu64 ",\"total\":%" PRIu64 ",\"rate\":%.0f}\n", step->done,
		step->total, rate(p, step->done, t));
	fflush(p->f);
}

/* The first call begins the clock, and so does a count that starts again. */
static bool is_due(struct progress *p, const struct firn_progress *step, double t)
{
	double every = p->mode == PROGRESS_BAR    ? BAR_EVERY
		       : p->mode == PROGRESS_JSON ? JSON_EVERY
						  : PLAIN_EVERY;
	bool ended = step->total && step->done == step->total && p->mode == PROGRESS_JSON;

	if (p->begin == 0 || step->done < p->seen) {
		p->begin = p->last = t;
		p->first = step->done;
	}
	p->seen = step->done;
	if (t - p->last < every && !ended)
		return false;
	p->last = t;
	return true;
}

static void on_progress(const struct firn_progress *step, void *ctx)
{
	struct progress *p = ctx;
	double t = progress_now();

	if (p->mode == PROGRESS_NONE || p->quiet || !is_due(p, step, t))
		return;
	if (p->mode == PROGRESS_BAR)
		draw_bar(p, step, t);
	else if (p->mode == PROGRESS_JSON)
		print_json(p, step, t);
	else
		print_plain(p, step, t);
}

static void on_warning(const char *text, void *ctx)
{
	struct progress *p = ctx;

	if (p->quiet)
		return;
	progress_clear(p);
	if (p->mode == PROGRESS_JSON) {
		fputs("{\"event\":\"warning\",\"text\":", p->f);
		out_json_string(p->f, text);
		fputs("}\n", p->f);
	} else {
		fprintf(p->f, "firn: %swarning:%s ", p->color ? "\033[33m" : "",
			p->color ? "\033[0m" : "");
		out_safe(p->f, text);
		fputc('\n', p->f);
	}
	fflush(p->f);
}

struct firn_report progress_report(struct progress *p)
{
	return (struct firn_report){ .warn = on_warning, .progress = on_progress, .ctx = p };
}

void progress_done(struct progress *p, const char *text, const char *json)
{
	if (p->mode == PROGRESS_NONE || p->quiet)
		return;
	progress_clear(p);
	if (p->mode == PROGRESS_JSON)
		fprintf(p->f, "{%s}\n", json);
	else
		fprintf(p->f, "firn: %s\n", text);
	fflush(p->f);
}

void progress_error(struct progress *p, const char *verb, const char *text, int status)
{
	progress_clear(p);
	if (p->mode == PROGRESS_JSON) {
		fputs("{\"event\":\"error\",\"command\":", p->f);
		out_json_string(p->f, verb ? verb : "");
		fputs(",\"text\":", p->f);
		out_json_string(p->f, text);
		fprintf(p->f, ",\"status\":%d}\n", status);
	} else {
		fprintf(p->f, "firn: ");
		if (verb)
			fprintf(p->f, "%s: ", verb);
		out_safe(p->f, text);
		fputc('\n', p->f);
	}
	fflush(p->f);
}
