/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Results on standard output: a line of text, JSON, or a Go-like template. A result is a row of
 * named fields, the names are known before the work begins, so that a template is refused before
 * it.
 */
#ifndef FIRN_SRC_OUT_H
#define FIRN_SRC_OUT_H

#include "util.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum out_type { OUT_END, OUT_STR, OUT_UINT, OUT_BOOL, OUT_LIST, OUT_ROWS };

/* A table of these ends with OUT_END. Names are as Go spells them: "Digest". */
struct out_field {
	const char *name;
	enum out_type type;
};

/* The value for the field of the same position. Borrowed. */
union out_value {
	const char *str; /* NULL: null in JSON, nothing in a template */
	uint64_t num;
	bool flag;
	struct {
		const char *const *items;
		size_t n;
	} list;
	struct {
		const struct out_field *fields;
		const union out_value *values; /* those of the first row, of the second, ... */
		size_t n;                      /* rows */
	} rows;                                /* JSON objects, in a template too */
};

/*
 * Whether @format is "json" or a template of the fields: {{.Name}}, {{json .Name}}, {{json .}}, and
 * \n, \t, \\ in the text between. -FIRN_EINVAL says what is wrong with it.
 */
int out_check_format(const char *format, const struct out_field *fields, struct firn_error *err);

/* Print by @format, which out_check_format() took. */
void out_result(FILE *f, const char *format, const struct out_field *fields,
		const union out_value *values);

/* A JSON string, quotes included; what is no UTF-8 becomes U+FFFD. */
void out_json_string(FILE *f, const char *text);

/* Text for a terminal: control characters and what is no UTF-8 come as \xNN, newlines as they are.
 */
void out_safe(FILE *f, const char *text);

/* The same for what is within a line: names come from checkpoints, and a newline in one would make
 * a line that looks like ours. */
void out_line(FILE *f, const char *text);

#endif
