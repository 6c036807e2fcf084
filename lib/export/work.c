/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/work.h"

#include <stdarg.h>
#include <stdio.h>

#define SENTENCE_MAX  512
#define PROGRESS_STEP (4u << 20) /* bytes */
#define PROGRESS_PART 128        /* of the whole, or of what was done when that is unknown */

void work_warn(const struct work *w, const char *fmt, ...)
{
	char text[SENTENCE_MAX];
	va_list ap;

	if (!w->report || !w->report->warn)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->report->warn(text, w->report->ctx);
}

static void tell(struct work *w, const char *what)
{
	const struct firn_progress p = { .what = what, .done = w->done, .total = w->total };

	w->told = w->done;
	if (w->report && w->report->progress)
		w->report->progress(&p, w->report->ctx);
}

void work_progress(struct work *w, const char *what, uint64_t n)
{
	uint64_t step = (w->total ? w->total : w->done) / PROGRESS_PART;

	w->done += n;
	if (step < PROGRESS_STEP)
		step = PROGRESS_STEP;
	if (w->done - w->told >= step && (!w->total || w->done < w->total))
		tell(w, what);
}

void work_end(struct work *w, const char *what)
{
	w->total = w->done;
	tell(w, what);
}
