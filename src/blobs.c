/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blobs.h"

#include "amount.h"
#include "out.h"
#include "util.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES  (64u << 10) /* blobs of less are not told of to people when they are done */
#define MOVING_MAX   64
#define DIGEST_MAX   160
#define WHAT_MAX     64
#define NAME_MAX     (WHAT_MAX + 16)
#define DRAW_EVERY   0.1 /* seconds */
#define DRAW_AFTER   0.3 /* what is done by then needs no lines */
#define JSON_EVERY   0.5
#define RATE_AFTER   0.4 /* before that nobody knows one */
#define RATE_SECONDS 2.0 /* that a rate is the mean of, about */
#define WAIT_AFTER   1.0 /* until what nothing has been moved of has a line, too */

/* Columns: name, bar, bytes, rate, time left. */
#define NAME_LEAST 12
#define NAME_WIDTH 22
#define NAME_WIDE  38
#define WIDE       100 /* columns from which there is room for digests, too */
#define BAR_LEAST  8
#define BAR_MOST   40
#define PART       16
#define RATE       12
#define TIME       14

struct rate {
	double begin, at; /* of the first sample (0: none yet), and of the last */
	uint64_t first, seen;
	double per_second; /* 0: nobody knows yet */
};

struct moving {
	char digest[DIGEST_MAX], what[WHAT_MAX];
	uint64_t size, offset;
	double begin, told;
	struct rate rate;
};

struct blobs {
	struct progress *p;
	struct firn_report report, plain;
	struct moving list[MOVING_MAX]; /* in the order they began */
	size_t n;
	uint64_t moved; /* bytes of all, without those that were there */
	bool began;     /* until then something else goes on, in a bar of its own */
	double begin, drawn;
	struct rate rate;
	char *above; /* lines that are to be shown for good */
	size_t above_len;
};

struct blobs *blobs_new(struct progress *p)
{
	struct blobs *b = calloc(1, sizeof(*b));

	if (b) {
		b->p = p;
		b->plain = progress_report(p);
	}
	return b;
}

void blobs_freep(struct blobs **b)
{
	if (*b)
		free((*b)->above);
	free(*b);
	*b = NULL;
}

/* A mean that forgets: steps of a tenth of a second are too uneven to be shown. */
static void take_sample(struct rate *r, uint64_t seen, double t)
{
	const double took = t - r->at, all = t - r->begin;
	const double part = took / (took + RATE_SECONDS);

	if (r->begin <= 0) {
		*r = (struct rate){ .begin = t, .at = t, .first = seen, .seen = seen };
		return;
	}
	if (took < DRAW_EVERY / 2)
		return;
	if (all < RATE_SECONDS)
		r->per_second = all < RATE_AFTER ? 0 : (double)(seen - r->first) / all;
	else
		r->per_second += part * ((double)(seen - r->seen) / took - r->per_second);
	r->at = t;
	r->seen = seen;
}

static struct moving *find(struct blobs *b, const char *digest)
{
	for (size_t i = 0; i < b->n; i++)
		if (strncmp(b->list[i].digest, digest, DIGEST_MAX - 1) == 0)
			return &b->list[i];
	return NULL;
}

static struct moving *find_or_add(struct blobs *b, const struct firn_copy_blob *blob, double t)
{
	struct moving *m = find(b, blob->digest);

	if (m || b->n == MOVING_MAX)
		return m;
	m = &b->list[b->n++];
	*m = (struct moving){ .size = blob->size, .begin = t, .told = t - JSON_EVERY };
	snprintf(m->digest, sizeof(m->digest), "%s", blob->digest);
	snprintf(m->what, sizeof(m->what), "%s", blob->what);
	return m;
}

static void forget(struct blobs *b, struct moving *m)
{
	const size_t at = (size_t)(m - b->list);

	memmove(m, m + 1, (b->n - at - 1) * sizeof(*m));
	b->n--;
}

static void print_json(struct blobs *b, const struct firn_copy_blob *blob)
{
	FILE *f = b->p->f;

	fprintf(f, "{\"event\":\"blob\",\"digest\":\"%s\",\"what\":", blob->digest);
	out_json_string(f, blob->what);
	fprintf(f, ",\"size\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"state\":\"%s\"", blob->size,
		blob->offset, blob->state);
	if (blob->from) {
		fputs(",\"from\":", f);
		out_json_string(f, blob->from);
	}
	fputs("}\n", f);
	fflush(f);
}

/* "rootfs layer 3, sha256:0123456789ab: 74.8 MiB in 0.9 s", a line of its own */
static void put_end(FILE *f, const struct firn_copy_blob *blob, const struct moving *m, double t)
{
	char size[AMOUNT_MAX];

	amount_bytes(size, (double)blob->size);
	fputs("firn: ", f);
	out_line(f, blob->what);
	fprintf(f, "%s%.19s: %s", *blob->what ? ", " : "", blob->digest, size);
	if (strcmp(blob->state, "there") == 0) {
		fputs(" already there", f);
	} else if (!blob->from) {
		fprintf(f, " in %.1f s", m ? t - m->begin : 0);
	} else {
		fputs(" mounted from ", f);
		out_line(f, blob->from);
	}
	fputc('\n', f);
}

/* For the next drawing. */
static void keep_end(struct blobs *b, const struct firn_copy_blob *blob, const struct moving *m,
		     double t)
{
	_free_ char *before = b->above;
	FILE *f;

	b->above = NULL;
	f = open_memstream(&b->above, &b->above_len);
	if (!f)
		return;
	fputs(before ? before : "", f);
	put_end(f, blob, m, t);
	fclose(f);
}

static void show_end(struct blobs *b, const struct firn_copy_blob *blob, const struct moving *m,
		     double t)
{
	if (blob->size < SMALL_BYTES)
		return;
	if (b->p->mode == PROGRESS_BAR) {
		keep_end(b, blob, m, t);
		return;
	}
	put_end(b->p->f, blob, m, t);
	fflush(b->p->f);
}

static void on_end(struct blobs *b, const struct firn_copy_blob *blob, double t)
{
	struct moving *m = find(b, blob->digest);

	if (strcmp(blob->state, "copied") == 0)
		b->moved += blob->size - (m ? m->offset : 0);
	if (b->p->mode == PROGRESS_JSON)
		print_json(b, blob);
	else
		show_end(b, blob, m, t);
	if (m)
		forget(b, m);
}

static void on_blob(const struct firn_copy_blob *blob, void *ctx)
{
	struct blobs *b = ctx;
	const double t = progress_now();
	struct moving *m;

	if (!b->began) {
		progress_clear(b->p);
		b->began = true;
		b->begin = t;
	}
	if (strcmp(blob->state, "copying") != 0) {
		on_end(b, blob, t);
		return;
	}
	m = find_or_add(b, blob, t);
	if (!m)
		return;
	if (!blob->offset)
		return;
	/* What comes at once is what an earlier try has left. */
	if (m->offset && blob->offset > m->offset)
		b->moved += blob->offset - m->offset;
	m->offset = blob->offset;
	take_sample(&m->rate, m->offset > m->rate.seen ? m->offset : m->rate.seen, t);
	if (b->p->mode == PROGRESS_JSON && t - m->told >= JSON_EVERY) {
		m->told = t;
		print_json(b, blob);
	}
}

static void put_bar(char *ret, size_t room, uint64_t done, uint64_t total)
{
	size_t fill = total ? (size_t)((double)done / (double)total * (double)room) : room;

	fill = fill > room ? room : fill;
	memset(ret, '#', fill);
	memset(ret + fill, '-', room - fill);
	ret[room] = '\0';
}

/* No byte that a terminal acts on, each character in one column. */
static void put_name(char ret[NAME_MAX], const struct moving *m, bool wide)
{
	const char *hex = strchr(m->digest, ':');

	if (!*m->what)
		snprintf(ret, NAME_MAX, "%.19s", m->digest);
	else if (wide && hex)
		snprintf(ret, NAME_MAX, "%.12s %s", hex + 1, m->what);
	else
		snprintf(ret, NAME_MAX, "%s", m->what);
	for (; *ret; ret++)
		if (*ret < 0x20 || *ret > 0x7e)
			*ret = '?';
}

static void put_line(live_line ret, unsigned columns, const struct moving *m)
{
	const double rate = m->rate.per_second;
	const uint64_t left = m->size - m->offset;
	char name[NAME_MAX], bar[BAR_MOST + 2] = "";
	char part[AMOUNT_MAX], speed[AMOUNT_MAX] = "", time[AMOUNT_MAX] = "";
	const bool rates = columns >= NAME_WIDTH + 1 + PART + RATE + TIME;
	const unsigned right = rates ? PART + RATE + TIME : PART + TIME;
	unsigned room = columns >= WIDE ? NAME_WIDE : NAME_WIDTH, rest;

	if (columns < room + 1 + right)
		room = columns > NAME_LEAST + 1 + right ? columns - 1 - right : NAME_LEAST;
	rest = columns > room + 2 + right ? columns - room - 2 - right : 0;
	put_name(name, m, room == NAME_WIDE);
	amount_part(part, m->offset, m->size);
	if (rest >= BAR_LEAST)
		put_bar(bar, rest > BAR_MOST ? BAR_MOST : rest, m->offset, m->size);
	if (left && rate > 0)
		amount_rate(speed, rate);
	if (left && rate > 0)
		amount_time(time, (double)left / rate);
	snprintf(ret, columns + 1, "%-*.*s %s%s%*s%*s%*s%s", (int)room, (int)room, name, bar,
		 *bar ? " " : "", PART, part, rates ? RATE : 0, rates ? speed : "",
		 TIME - (*time ? 5 : 0), left ? time : "finishing", *time ? " left" : "");
}

/* Those that began last have to wait where the terminal is too low for all. */
static size_t put_lines(struct blobs *b, const struct firn_progress *step, double t,
			live_line *lines)
{
	struct moving all = { .what = "all", .size = step->total, .offset = step->done };
	unsigned columns, room;
	size_t n = 0;

	live_room(&b->p->live, &columns, &room);
	for (size_t i = 0; i < b->n && n + 1 < room; i++)
		if (b->list[i].offset || t - b->list[i].begin >= WAIT_AFTER)
			put_line(lines[n++], columns, &b->list[i]);
	if (room) {
		all.rate = b->rate;
		put_line(lines[n++], columns, &all);
	}
	return n;
}

static void on_progress(const struct firn_progress *step, void *ctx)
{
	struct blobs *b = ctx;
	const double t = progress_now();
	live_line lines[LIVE_LINES];
	size_t n = 0;

	if (b->p->mode != PROGRESS_BAR || !b->began) {
		b->plain.progress(step, b->plain.ctx);
		return;
	}
	take_sample(&b->rate, b->moved, t);
	if (!b->above && t - b->drawn < DRAW_EVERY)
		return;
	b->drawn = t;
	if (t - b->begin >= DRAW_AFTER)
		n = put_lines(b, step, t, lines);
	live_draw(&b->p->live, b->above ? b->above : "", lines, n);
	free(b->above);
	b->above = NULL;
}

static void on_warning(const char *text, void *ctx)
{
	struct blobs *b = ctx;

	b->plain.warn(text, b->plain.ctx);
}

void blobs_watch(struct blobs *b, struct firn_copy_opts *how)
{
	const bool shown = b->p->mode != PROGRESS_NONE && !b->p->quiet;

	b->report = (struct firn_report){ .warn = on_warning,
					  .progress = shown ? on_progress : NULL,
					  .ctx = b };
	how->report = &b->report;
	how->blob = shown ? on_blob : NULL;
	how->ctx = b;
}
