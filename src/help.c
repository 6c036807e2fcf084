/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --help from the tables. Nothing is wider than 79 columns. */
#include "command.h"

#include <string.h>

#define HELP_WIDTH  79
#define HELP_INDENT 2
#define HELP_TEXT   26 /* column of an option's text */

/* Words of @text between @indent and HELP_WIDTH; the cursor is in column @at. Ends the line. */
static void wrap(FILE *f, const char *text, int at, int indent)
{
	bool fresh = at == indent;

	while (*text) {
		int len = (int)strcspn(text, " \n");

		if (!fresh && at + 1 + len > HELP_WIDTH) {
			fputc('\n', f);
			at = 0;
			fresh = true;
		}
		if (fresh)
			at += fprintf(f, "%*s", indent - at, "");
		else
			at += fprintf(f, " ");
		at += fprintf(f, "%.*s", len, text);
		fresh = false;
		text += len;
		text += strspn(text, " ");
		if (*text == '\n') {
			fputs(text[1] == '\n' ? "\n" : "", f);
			fputc('\n', f);
			text += strspn(text, "\n");
			at = 0;
			fresh = true;
		}
	}
	fputs(fresh ? "" : "\n", f);
}

static void print_option(FILE *f, const struct opt *o)
{
	int at = fprintf(f, "%*s", HELP_INDENT, "");

	if (o->letter)
		at += fprintf(f, "-%c, --%s", o->letter, o->name);
	else
		at += fprintf(f, "    --%s", o->name);
	if (o->arg)
		at += fprintf(f, " %s", o->arg);
	if (at + 2 > HELP_TEXT) {
		fputc('\n', f);
		at = 0;
	}
	at += fprintf(f, "%*s", HELP_TEXT - at, "");
	wrap(f, o->help, at, HELP_TEXT);
}

static void print_options(FILE *f, const struct opt *table)
{
	for (const struct opt *o = table; o && o->type != OPT_NONE; o++)
		if (!o->hidden)
			print_option(f, o);
}

static void print_lines(FILE *f, const char *title, const char *text)
{
	fprintf(f, "\n%s:\n", title);
	while (*text) {
		int len = (int)strcspn(text, "\n");

		fprintf(f, "%*s%.*s\n", HELP_INDENT, "", len, text);
		text += len + (text[len] == '\n');
	}
}

static void print_fields(FILE *f, const struct out_field *fields)
{
	int at = 0;

	fputs("\nFields of --format:\n", f);
	for (; fields->type != OUT_END; fields++) {
		const int len = (int)strlen(fields->name) + 2;

		if (at + len > HELP_WIDTH) {
			fputc('\n', f);
			at = 0;
		}
		at += fprintf(f, "%s .%s", at ? "" : " ", fields->name);
	}
	fputc('\n', f);
}

static void tool_help(FILE *f)
{
	fputs("usage: firn [OPTION]... COMMAND [ARG]...\n\n", f);
	wrap(f, "Container checkpoints as OCI image layouts that mount without extraction.", 0, 0);
	fputs("\nCommands:\n", f);
	for (const struct command *const *c = commands; *c; c++)
		if (!(*c)->hidden)
			wrap(f, (*c)->summary, fprintf(f, "  %-12s", (*c)->name), 14);
	fputs("\nOptions, before or after the command:\n", f);
	print_options(f, global_options);
	print_lines(f, "Exit status",
		    "0 done    1 failed       2 wrong usage\n"
		    "3 corrupt 4 not found    5 this host can't restore it");
	fputs("\n`firn help COMMAND` tells more.\n", f);
}

void command_help(FILE *f, const struct command *c)
{
	if (!c) {
		tool_help(f);
		return;
	}
	fprintf(f, "usage: firn %s [OPTION]...%s%s\n\n", c->name, *c->args ? " " : "", c->args);
	wrap(f, c->about ? c->about : c->summary, 0, 0);
	if (c->options || c->fields)
		fputs("\nOptions:\n", f);
	print_options(f, c->options);
	if (c->fields)
		print_options(f, format_options);
	fputs("\nOptions of every command:\n", f);
	print_options(f, global_options);
	if (c->fields)
		print_fields(f, c->fields);
	if (c->example)
		print_lines(f, "Examples", c->example);
}
