/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/notes.h"

#include "base/fd.h"
#include "bytes/json.h"
#include "format/pod.h"

#include <stdio.h>

#define SENTENCE_MAX  512
#define PROGRESS_STEP (4u << 20) /* bytes */
#define PROGRESS_PART 128        /* of the whole, or of what was done when that is unknown */

void notes_done(struct notes *n)
{
	for (size_t i = 0; i < n->nlosses; i++)
		free(n->losses[i]);
	n->nlosses = 0;
}

/*
 * Sentences quote names, which may be no UTF-8 or were cut in the middle of a character; they go
 * into JSON.
 */
static void make_utf8(char *text)
{
	_json_ json_t *j = json_string(text);

	for (char *c = text; !j && *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
}

static void tell(const struct notes *n, const char *text)
{
	char named[SENTENCE_MAX + POD_NAME_MAX + 16];

	if (!n->report || !n->report->warn)
		return;
	if (n->about)
		snprintf(named, sizeof(named), "%s: %s", n->about, text);
	n->report->warn(n->about ? named : text, n->report->ctx);
}

void notes_warn(struct notes *n, const char *fmt, ...)
{
	char text[SENTENCE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	make_utf8(text);
	tell(n, text);
}

int notes_loss(struct notes *n, struct firn_error *err, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	if (n->nlosses >= NOTES_MAX) {
		n->more++;
		return 0;
	}
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		return firn_fail_oom(err, "note");
	make_utf8(text);
	n->losses[n->nlosses++] = text;
	tell(n, text);
	return 0;
}

int notes_finish(struct notes *n, struct firn_error *err)
{
	char *text = NULL;

	if (!n->more)
		return 0;
	if (asprintf(&text, "and %zu losses more like these", n->more) < 0)
		return firn_fail_oom(err, "note");
	n->losses[n->nlosses++] = text;
	n->more = 0;
	tell(n, text);
	return 0;
}

static void tell_progress(struct notes *n, const char *what, uint64_t done, uint64_t total)
{
	const struct firn_progress p = { .what = what, .done = done, .total = total };

	n->told = done;
	if (n->report && n->report->progress)
		n->report->progress(&p, n->report->ctx);
}

void notes_progress(struct notes *n, const char *what, uint64_t done, uint64_t total)
{
	uint64_t step = (total ? total : done) / PROGRESS_PART;

	if (step < PROGRESS_STEP)
		step = PROGRESS_STEP;
	if (done - n->told >= step && (!total || done < total))
		tell_progress(n, what, done, total);
}

void notes_progress_end(struct notes *n, const char *what, uint64_t total)
{
	tell_progress(n, what, total, total);
}
