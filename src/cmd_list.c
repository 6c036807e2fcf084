/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include "registry.h"
#include "show.h"

#include <firn/list.h>
#include <stdlib.h>
#include <string.h>

struct list_opts {
	struct registry_options registry;
};

static const struct opt list_options[] = {
	REGISTRY_OPTIONS(struct list_opts, registry),
	OPT_END,
};

/* What a row has, by what firn_listing_value() calls it. */
static const char *const names[] = {
	"name",  "kind", "path",    "container", "pod",    "namespace",   "engine", "runtime",
	"image", "time", "created", "tag",       "digest", "base_digest", "size",   "problem",
};

static const struct out_field list_fields[] = {
	{ "Name", OUT_STR },      { "Kind", OUT_STR },       { "Path", OUT_STR },
	{ "Container", OUT_STR }, { "Pod", OUT_STR },        { "Namespace", OUT_STR },
	{ "Engine", OUT_STR },    { "Runtime", OUT_STR },    { "Image", OUT_STR },
	{ "Time", OUT_STR },      { "Created", OUT_STR },    { "Tag", OUT_STR },
	{ "Digest", OUT_STR },    { "BaseDigest", OUT_STR }, { "Size", OUT_UINT },
	{ "Problem", OUT_STR },   { NULL, OUT_END },
};

/* The columns of the table; a row with a problem has that in place of the last ones. */
enum { COL_NAME, COL_TIME, COL_SIZE, COL_ENGINE, COL_CONTAINER, COL_POD, COL_IMAGE, COLUMNS };

static const char *const titles[COLUMNS] = { "NAME",      "TIME",          "SIZE", "ENGINE",
					     "CONTAINER", "POD/NAMESPACE", "IMAGE" };

#define CELL_MAX 1024

static void listing_freep(struct firn_listing **l)
{
	firn_listing_free(*l);
}

static const char *text(const struct firn_value *row, const char *name)
{
	const char *t = firn_value_text(firn_value_get(row, name));

	return t ? t : "";
}

/* "a, b" of several containers. */
static void join_containers(const struct firn_value *row, char ret[CELL_MAX])
{
	const struct firn_value *c = firn_value_first(firn_value_get(row, "containers"));
	size_t at = 0;

	if (!c)
		snprintf(ret, CELL_MAX, "%s", text(row, "container"));
	for (; c && at < CELL_MAX; c = firn_value_next(c)) {
		const int n = snprintf(ret + at, CELL_MAX - at, "%s%s", at ? "," : "",
				       firn_value_text(c) ? firn_value_text(c) : "");

		at += n > 0 ? (size_t)n : CELL_MAX;
	}
}

static void fill(const struct firn_value *row, int column, char ret[CELL_MAX])
{
	const struct firn_value *size = firn_value_get(row, "size");
	char bytes[SHOW_BYTES_MAX];

	*ret = '\0';
	switch (column) {
	case COL_NAME:
		snprintf(ret, CELL_MAX, "%s", text(row, "name"));
		break;
	case COL_TIME:
		snprintf(ret, CELL_MAX, "%s", text(row, "time"));
		break;
	case COL_SIZE:
		if (size)
			snprintf(ret, CELL_MAX, "%s", show_bytes(firn_value_number(size), bytes));
		break;
	case COL_ENGINE:
		snprintf(ret, CELL_MAX, "%s", text(row, "engine"));
		break;
	case COL_CONTAINER:
		join_containers(row, ret);
		break;
	case COL_POD:
		if (*text(row, "pod"))
			snprintf(ret, CELL_MAX, "%s/%s", text(row, "pod"), text(row, "namespace"));
		break;
	case COL_IMAGE:
		snprintf(ret, CELL_MAX, "%s", text(row, "image"));
		break;
	}
	for (char *p = ret; (p = strpbrk(p, "\n\t"));)
		*p = ' ';
}

static void measure(const struct firn_value *row, size_t width[COLUMNS])
{
	char cell[CELL_MAX];

	for (int c = 0; c < COLUMNS; c++) {
		size_t len;

		fill(row, c, cell);
		len = strlen(cell);
		width[c] = len > width[c] ? len : width[c];
	}
}

/* The last cell isn't filled up; columns that nobody has are left out. */
static void print_row(const char *(*cell)(int column, char ret[CELL_MAX], const void *ctx),
		      const void *ctx, const size_t width[COLUMNS], int columns, const char *end)
{
	char room[CELL_MAX];
	size_t pending = 0;
	bool first = true;

	for (int c = 0; c < columns; c++) {
		const char *t = cell(c, room, ctx);

		if (!width[c])
			continue;
		if (!first)
			pending += 2;
		first = false;
		if (*t) {
			printf("%*s", (int)pending, "");
			out_line(stdout, t);
			pending = 0;
		}
		pending += width[c] - strlen(t);
	}
	if (*end) {
		printf("%*s", (int)pending + 2, "");
		out_line(stdout, end);
	}
	putchar('\n');
}

static const char *title_cell(int column, char ret[CELL_MAX], const void *ctx)
{
	(void)ret;
	(void)ctx;
	return titles[column];
}

static const char *value_cell(int column, char ret[CELL_MAX], const void *ctx)
{
	fill(ctx, column, ret);
	return ret;
}

static void print_table(const struct firn_value *rows)
{
	size_t width[COLUMNS] = { 0 };
	const struct firn_value *r;

	for (r = firn_value_first(rows); r; r = firn_value_next(r))
		measure(r, width);
	for (int c = 0; c < COLUMNS; c++)
		if (width[c] && width[c] < strlen(titles[c]))
			width[c] = strlen(titles[c]);
	if (firn_value_first(rows))
		print_row(title_cell, NULL, width, COLUMNS, "");
	for (r = firn_value_first(rows); r; r = firn_value_next(r)) {
		const char *problem = text(r, "problem");

		print_row(value_cell, r, width, *problem ? COL_ENGINE : COLUMNS, problem);
	}
}

static void print_template(const char *format, const struct firn_value *row)
{
	union out_value values[ARRAY_SIZE(names)];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct firn_value *v = firn_value_get(row, names[i]);

		if (list_fields[i].type == OUT_UINT)
			values[i].num = (uint64_t)firn_value_number(v);
		else
			values[i].str = firn_value_text(v);
	}
	out_result(stdout, format, list_fields, values);
}

static int write_out(const char *piece, size_t n, void *ctx)
{
	return fwrite(piece, 1, n, ctx) == n ? 0 : -1;
}

static void print(const struct app *app, const struct firn_value *rows)
{
	if (!app->format || strcmp(app->format, "table") == 0) {
		print_table(rows);
	} else if (strcmp(app->format, "json") == 0) {
		/* What can't be written shows when standard output is closed. */
		if (firn_value_print(rows, 2, write_out, stdout) == 0)
			fputc('\n', stdout);
	} else {
		for (rows = firn_value_first(rows); rows; rows = firn_value_next(rows))
			print_template(app->format, rows);
	}
}

static int list_run(struct app *app, const void *opts, int argc, char **argv,
		    struct firn_error *err)
{
	_cleanup_(listing_freep) struct firn_listing *found = NULL;
	struct firn_report report = progress_report(&app->progress);
	const struct list_opts *o = opts;
	_cleanup_(registry_given_done) struct registry_given registry;
	const struct firn_list_opts how = { .size = sizeof(how),
					    .report = &report,
					    .registry = &registry.opts };
	int rc = registry_fill(&o->registry, &registry, err);

	if (rc == 0)
		rc = firn_list(argc ? argv[0] : NULL, &how, &found, err);
	progress_clear(&app->progress);
	if (rc < 0)
		return rc;
	print(app, firn_listing_value(found));
	return 0;
}

const struct command cmd_list = {
	.name = "list",
	.args = "[DIR|oci:LAYOUT|docker://HOST/REPOSITORY]",
	.summary = "List the checkpoints in a folder, or the images of a layout",
	.about =
	    "List checkpoints, the newest first: archives and unpacked ones in a folder, in "
	    "folders of it (pods) and in layouts there, or the images of one layout or of a "
	    "repository in a registry, with @DIGEST or :TAG the checkpoints that refer to that "
	    "image. Without a "
	    "folder it is the kubelet's, " FIRN_KUBELET_CHECKPOINTS ". What can't be read is "
	    "listed with the reason. Archives are not read through. --format table is the "
	    "default.",
	.example = "firn list\n"
		   "firn list oci:layout\n"
		   "firn list --format '{{.Path}} {{.Container}} {{.Image}}' dumps\n"
		   "firn list --format json | jq -r '.[] | select(.problem) | .path'",
	.max_args = 1,
	.options = list_options,
	.opts_size = sizeof(struct list_opts),
	.fields = list_fields,
	.format_word = "table",
	.run = list_run,
};
