/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/findings.h"

#include "base/buf.h"
#include "base/fd.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX   1024 /* bytes of one sentence or place */
#define RESULT_MAX ((FINDINGS_MAX + FINDINGS_CODES_MAX) * 4 * TEXT_MAX)

/* How often a word came at a level, and how many of these are kept. */
struct count {
	const char *code;
	enum finding_level level;
	uint64_t n, kept;
};

struct findings {
	struct doc *doc;
	struct firn_value *list;
	struct count counts[FINDINGS_CODES_MAX];
	size_t ncounts, kept;
	uint64_t levels[FINDING_NOTE + 1];
	char within[TEXT_MAX];
	bool lost; /* more words than there is room for: a mistake here */
};

static const char *const level_names[] = { "fault", "warning", "note" };

int findings_new(struct findings **ret, struct firn_error *err)
{
	_cleanup_(findings_freep) struct findings *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return firn_fail_oom(err, "findings");
	rc = doc_new(RESULT_MAX, &f->doc, err);
	if (rc < 0)
		return rc;
	f->list = doc_list(f->doc);
	*ret = take_ptr(&f);
	return 0;
}

struct findings *findings_free(struct findings *f)
{
	if (f)
		doc_free(f->doc);
	free(f);
	return NULL;
}

void findings_freep(struct findings **f)
{
	*f = findings_free(*f);
}

static struct count *count_of(struct findings *f, enum finding_level level, const char *code)
{
	struct count *c;

	for (size_t i = 0; i < f->ncounts; i++)
		if (f->counts[i].level == level && strcmp(f->counts[i].code, code) == 0)
			return &f->counts[i];
	if (f->ncounts == ARRAY_SIZE(f->counts))
		return NULL;
	c = &f->counts[f->ncounts++];
	*c = (struct count){ .code = code, .level = level };
	return c;
}

static void put(struct findings *f, enum finding_level level, const char *where, const char *code,
		const char *text)
{
	struct firn_value *o = doc_add_object(f->doc, f->list, NULL);
	char place[2 * TEXT_MAX];

	snprintf(place, sizeof(place), "%s%s%s", f->within, *f->within && *where ? ": " : "",
		 where);
	doc_add_static(f->doc, o, "level", level_names[level]);
	doc_add_text(f->doc, o, "place", place);
	doc_add_static(f->doc, o, "code", code);
	doc_add_text(f->doc, o, "text", text);
}

void findings_add(struct findings *f, enum finding_level level, const char *where, const char *code,
		  const char *fmt, ...)
{
	struct count *c = count_of(f, level, code);
	char text[TEXT_MAX];
	va_list args;

	f->levels[level]++;
	if (!c) {
		f->lost = true;
		return;
	}
	c->n++;
	if (c->kept == FINDINGS_EACH_MAX || f->kept == FINDINGS_MAX)
		return;
	c->kept++;
	f->kept++;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put(f, level, where, code, text);
}

int findings_take(struct findings *f, const char *where, const char *code, int rc,
		  const struct firn_error *e, struct firn_error *err)
{
	if (rc >= 0)
		return 0;
	switch (-rc) {
	case FIRN_ENOMEM:
		if (err)
			*err = *e;
		return rc;
	case FIRN_EUNSUPP:
		findings_add(f, FINDING_WARNING, where, "not-understood", "%s", e->msg);
		return 1;
	case FIRN_EFAIL:
	case FIRN_EBUSY:
		findings_add(f, FINDING_FAULT, where, "unreadable", "%s", e->msg);
		return 1;
	default:
		findings_add(f, FINDING_FAULT, where, code, "%s", e->msg);
		return 1;
	}
}

void findings_within(struct findings *f, const char *place)
{
	snprintf(f->within, sizeof(f->within), "%s", place ? place : "");
}

uint64_t findings_count(const struct findings *f, enum finding_level level)
{
	return f->levels[level];
}

int findings_check(const struct findings *f, struct firn_error *err)
{
	if (f->lost)
		return firn_fail(err, FIRN_ELIMIT, "more than %d kinds of findings",
				 FINDINGS_CODES_MAX);
	return doc_check(f->doc, err);
}

const struct firn_value *findings_value(struct findings *f)
{
	char text[64];

	findings_within(f, NULL);
	for (size_t i = 0; i < f->ncounts; i++) {
		const struct count *c = &f->counts[i];

		if (c->n == c->kept)
			continue;
		snprintf(text, sizeof(text), "and %" PRIu64 " more of these", c->n - c->kept);
		put(f, c->level, "", c->code, text);
	}
	return f->list;
}
