/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show_memory.h"

#include "show.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_MAX 8192 /* of a match and its context: 4096 and twice 1024 bytes at most */

enum {
	PID,
	COMMAND,
	START,
	END,
	PROTECTION,
	KIND,
	PATH,
	PAGES,
	STORED,
	ZERO,
	FROM_FILE,
	MISSING,
	ADDRESS,
	LENGTH,
	MATCH,
	HEX,
	BEFORE,
	AFTER,
	FIELDS,
};

const struct out_field memory_fields[] = {
	[PID] = { "PID", OUT_UINT },
	[COMMAND] = { "Command", OUT_STR },
	[START] = { "Start", OUT_STR },
	[END] = { "End", OUT_STR },
	[PROTECTION] = { "Protection", OUT_STR },
	[KIND] = { "Kind", OUT_STR },
	[PATH] = { "Path", OUT_STR },
	[PAGES] = { "Pages", OUT_UINT },
	[STORED] = { "Stored", OUT_UINT },
	[ZERO] = { "Zero", OUT_UINT },
	[FROM_FILE] = { "File", OUT_UINT },
	[MISSING] = { "Missing", OUT_UINT },
	[ADDRESS] = { "Address", OUT_STR },
	[LENGTH] = { "Length", OUT_UINT },
	[MATCH] = { "Match", OUT_STR },
	[HEX] = { "Hex", OUT_STR },
	[BEFORE] = { "Before", OUT_STR },
	[AFTER] = { "After", OUT_STR },
	[FIELDS] = { NULL, OUT_END },
};

static const char *text(const struct firn_value *v, const char *name)
{
	return firn_value_text(firn_value_get(v, name));
}

static uint64_t number(const struct firn_value *v, const char *name)
{
	return (uint64_t)firn_value_number(firn_value_get(v, name));
}

/* Pages that have bytes in the checkpoint, that are zero without any, and that it hasn't got. */
static uint64_t stored(const struct firn_value *v)
{
	return number(v, "pages_present") + number(v, "pages_parent") +
	       number(v, "pages_compressed");
}

static uint64_t zero(const struct firn_value *v)
{
	return number(v, "pages_zero") + number(v, "pages_untouched");
}

static uint64_t missing(const struct firn_value *v)
{
	return number(v, "pages_lazy") + number(v, "pages_absent");
}

/* What can be printed of the bytes, dots for the others. Returns the end of it. */
static char *add_readable(char *to, const struct firn_value *v, const char *name)
{
	const struct firn_value *bytes = firn_value_get(v, name);
	const size_t n = firn_value_length(bytes);
	const char *at = firn_value_text(bytes);

	for (size_t i = 0; i < n; i++)
		*to++ = at[i] >= ' ' && at[i] <= '~' ? at[i] : '.';
	*to = '\0';
	return to;
}

static void show_process(FILE *f, const struct firn_value *p)
{
	const struct firn_value *m = firn_value_get(p, "memory");
	char size[SHOW_BYTES_MAX], here[SHOW_BYTES_MAX];
	const uint64_t page = number(m, "page_size");

	show_bytes((int64_t)number(m, "size"), size);
	show_bytes((int64_t)(stored(m) * page), here);
	fprintf(f, "%7" PRIu64 " %6" PRIu64 " %11s %11s  ", number(p, "pid"), number(m, "areas"),
		size, here);
	out_line(f, text(p, "command") ? text(p, "command") : "");
	fputc('\n', f);
}

static void show_area(FILE *f, const struct firn_value *a)
{
	char range[48];

	/* As /proc/PID/maps has it, without 0x. */
	snprintf(range, sizeof(range), "%s-%s", text(a, "start") + 2, text(a, "end") + 2);
	fprintf(f, "%-33s %s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "  %s",
		range, text(a, "protection"), number(a, "pages"), stored(a), zero(a),
		number(a, "pages_file"), missing(a), text(a, "kind"));
	if (text(a, "path")) {
		fputs("  ", f);
		out_line(f, text(a, "path"));
	}
	fputc('\n', f);
}

static void show_match(FILE *f, const struct firn_value *m)
{
	char readable[TEXT_MAX];
	const char *path = text(m, "path");

	add_readable(add_readable(add_readable(readable, m, "before"), m, "match"), m, "after");
	fprintf(f, "%s ", text(m, "address"));
	out_line(f, path ? path : text(m, "kind"));
	fprintf(f, ": %s\n", readable);
}

static const char *list_of(enum memory_rows rows)
{
	return rows == MEMORY_AREAS ? "memory_areas" : "matches";
}

static void show_rows(FILE *f, const struct firn_value *p, enum memory_rows rows)
{
	const struct firn_value *v = firn_value_first(firn_value_get(p, list_of(rows)));

	for (; v; v = firn_value_next(v)) {
		if (rows == MEMORY_AREAS)
			show_area(f, v);
		else
			show_match(f, v);
	}
}

void show_memory(FILE *f, const struct firn_value *processes, enum memory_rows rows)
{
	const struct firn_value *p = firn_value_first(processes);
	const bool several = firn_value_next(p) != NULL;

	if (rows == MEMORY_PROCESSES)
		fprintf(f, "%7s %6s %11s %11s  %s\n", "PID", "AREAS", "SIZE", "STORED", "COMMAND");
	if (rows == MEMORY_AREAS)
		fprintf(f, "%-33s %s %9s %9s %9s %9s %9s  %s\n", "AREA", "PROT", "PAGES", "STORED",
			"ZERO", "FILE", "MISSING", "KIND");
	for (; p; p = firn_value_next(p)) {
		if (rows == MEMORY_PROCESSES) {
			show_process(f, p);
			continue;
		}
		if (several && firn_value_first(firn_value_get(p, list_of(rows)))) {
			fprintf(f, "process %" PRIu64 " (", number(p, "pid"));
			out_line(f, text(p, "command"));
			fputs("):\n", f);
		}
		show_rows(f, p, rows);
	}
}

/* Counts of an area or of a process. */
static void set_counts(union out_value *values, const struct firn_value *v)
{
	values[STORED].num = stored(v);
	values[ZERO].num = zero(v);
	values[FROM_FILE].num = number(v, "pages_file");
	values[MISSING].num = missing(v);
}

static void print_row(FILE *f, const char *format, const struct firn_value *p,
		      const struct firn_value *row, enum memory_rows rows)
{
	union out_value values[FIELDS] = {
		[PID] = { .num = number(p, "pid") },
		[COMMAND] = { .str = text(p, "command") },
		[START] = { .str = text(row, "start") },
		[END] = { .str = text(row, "end") },
		[PROTECTION] = { .str = text(row, "protection") },
		[KIND] = { .str = text(row, "kind") },
		[PATH] = { .str = text(row, "path") },
		[PAGES] = { .num = number(row, "pages") },
		[ADDRESS] = { .str = text(row, "address") },
		[LENGTH] = { .num = number(row, "length") },
		[HEX] = { .str = text(row, "hex") },
	};
	char match[TEXT_MAX], before[TEXT_MAX], after[TEXT_MAX];
	const struct firn_value *memory = firn_value_get(p, "memory");

	if (rows == MEMORY_PROCESSES && number(memory, "page_size"))
		values[PAGES].num = number(memory, "size") / number(memory, "page_size");
	if (rows == MEMORY_PROCESSES)
		set_counts(values, memory);
	if (rows == MEMORY_AREAS)
		set_counts(values, row);
	if (rows == MEMORY_MATCHES) {
		add_readable(match, row, "match");
		add_readable(before, row, "before");
		add_readable(after, row, "after");
		values[MATCH].str = match;
		values[BEFORE].str = before;
		values[AFTER].str = after;
	}
	out_result(f, format, memory_fields, values);
}

void show_memory_by(FILE *f, const char *format, const struct firn_value *processes,
		    enum memory_rows rows)
{
	for (const struct firn_value *p = firn_value_first(processes); p; p = firn_value_next(p)) {
		const struct firn_value *v;

		if (rows == MEMORY_PROCESSES) {
			print_row(f, format, p, NULL, rows);
			continue;
		}
		v = firn_value_first(firn_value_get(p, list_of(rows)));
		for (; v; v = firn_value_next(v))
			print_row(f, format, p, v, rows);
	}
}
