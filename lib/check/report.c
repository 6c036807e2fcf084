/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/check.h"

#include "base/fd.h"

#include <stdio.h>
#include <string.h>

static const char *const level_names[CHECK_LEVELS] = { "ok", "warning", "fail" };

struct check_report {
	struct doc *doc;
	struct firn_value *lines;
	size_t count[CHECK_LEVELS];
	const char *failure; /* in doc */
	/* Of the check that runs. */
	size_t told;
	size_t untold[CHECK_LEVELS];
};

int check_report_new(struct check_report **ret, struct firn_error *err)
{
	_cleanup_(check_report_freep) struct check_report *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return firn_fail_oom(err, "check");
	rc = doc_new(CHECK_RESULT_MAX, &r->doc, err);
	if (rc < 0)
		return rc;
	r->lines = doc_list(r->doc);
	*ret = take_ptr(&r);
	return 0;
}

struct check_report *check_report_free(struct check_report *r)
{
	if (r)
		doc_free(r->doc);
	free(r);
	return NULL;
}

void check_report_freep(struct check_report **r)
{
	*r = check_report_free(*r);
}

static void add_line(struct check_report *r, enum check_level level, const char *name,
		     const char *remedy, const char *what)
{
	struct firn_value *line = doc_add_object(r->doc, r->lines, NULL);
	const char *kept = doc_copy(r->doc, what, strlen(what));

	doc_add_static(r->doc, line, "check", name);
	doc_add_static(r->doc, line, "level", level_names[level]);
	doc_add_static(r->doc, line, "what", kept);
	doc_add_text(r->doc, line, "remedy", remedy);
	if (level == CHECK_FAIL && !r->failure)
		r->failure = kept;
}

/* The last lines are kept for what fails: nobody shall miss that for the many that only warn. */
static bool room_for(const struct check_report *r, enum check_level level)
{
	return r->told < (level == CHECK_FAIL ? CHECK_LINES_MAX : CHECK_LINES_MAX / 2);
}

void check_add(struct check_report *r, enum check_level level, const char *name, const char *remedy,
	       const char *fmt, ...)
{
	char what[CHECK_TEXT_MAX], cut[CHECK_TEXT_MAX];
	va_list args;

	r->count[level]++;
	if (!room_for(r, level)) {
		r->untold[level]++;
		return;
	}
	r->told++;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (remedy)
		snprintf(cut, sizeof(cut), "%s", remedy);
	add_line(r, level, name, remedy ? cut : NULL, what);
}

static void tell_untold(struct check_report *r, const char *name)
{
	for (int level = CHECK_FAIL; level >= CHECK_OK; level--) {
		char what[80];

		if (r->untold[level] == 0)
			continue;
		snprintf(what, sizeof(what), "%zu more like these", r->untold[level]);
		add_line(r, level, name, NULL, what);
		r->untold[level] = 0;
	}
	r->told = 0;
}

size_t check_count(const struct check_report *r, enum check_level level)
{
	return r->count[level];
}

const char *check_first_failure(const struct check_report *r)
{
	return r->failure;
}

struct firn_value *check_report_value(const struct check_report *r)
{
	return r->lines;
}

int check_run(const struct check *table, const struct check_input *in, struct check_report *r,
	      struct firn_error *err)
{
	for (const struct check *c = table; c->name; c++) {
		int rc = c->run(in, r, err);

		tell_untold(r, c->name);
		if (rc == 0)
			rc = doc_check(r->doc, err);
		if (rc < 0)
			return firn_wrap(err, rc, "%s", c->name);
	}
	return 0;
}
