/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complete.h"

#include <string.h>

/* fish's own function for this takes the value of an option before the verb for the verb. */
static const char head[] = "# fish completion for firn, made by `firn completion fish`\n"
			   "function __firn_verb\n"
			   "\tset -l value no\n"
			   "\tfor word in (commandline -opc)[2..-1]\n"
			   "\t\tif test $value = yes\n"
			   "\t\t\tset value no\n"
			   "\t\t\tcontinue\n"
			   "\t\tend\n"
			   "\t\tswitch $word\n";
static const char tail[] = "\t\t\tset value yes\n"
			   "\t\tcase '-*'\n"
			   "\t\tcase '*'\n"
			   "\t\t\techo $word\n"
			   "\t\t\treturn\n"
			   "\t\tend\n"
			   "\tend\n"
			   "\techo none\n"
			   "end\n"
			   "complete -c firn -f\n";

static void put_quoted(FILE *f, const char *text)
{
	fputc('\'', f);
	for (; *text; text++)
		fprintf(f, strchr("'\\", *text) ? "\\%c" : "%c", *text);
	fputc('\'', f);
}

static void print_kind(FILE *f, enum complete_kind kind)
{
	switch (kind) {
	case COMPLETE_FILES:
	case COMPLETE_IMAGES:
		fputs(" -F", f);
		break;
	case COMPLETE_DIRS:
		fputs(" -f -a '(__fish_complete_directories (commandline -ct))'", f);
		break;
	case COMPLETE_COMMANDS:
		fputs(" -f -a '", f);
		for (const struct command *const *c = commands; *c; c++)
			if (!(*c)->hidden)
				fprintf(f, "%s ", (*c)->name);
		fputs("'", f);
		break;
	case COMPLETE_SHELLS:
		fputs(" -f -a 'bash zsh fish'", f);
		break;
	case COMPLETE_NOTHING:
		fputs(" -f", f);
		break;
	}
}

static void print_option(FILE *f, const char *condition, const struct opt *o)
{
	fprintf(f, "complete -c firn%s -l %s", condition, o->name);
	if (o->letter)
		fprintf(f, " -s %c", o->letter);
	if (o->type == OPT_IS_ENUM) {
		fputs(" -x -a '", f);
		for (const char *p = o->values; *p; p++)
			fputc(*p == '|' ? ' ' : *p, f);
		fputs("'", f);
	} else if (o->arg) {
		fputs(" -r", f);
		print_kind(f, complete_kind(o->arg, strlen(o->arg)));
	}
	fputs(" -d ", f);
	put_quoted(f, o->help);
	fputc('\n', f);
}

static void print_command(FILE *f, const struct command *c)
{
	char condition[96];
	const char *arg;
	size_t len;

	snprintf(condition, sizeof(condition), " -n 'contains %s (__firn_verb)'", c->name);
	if (!c->hidden) {
		fprintf(f, "complete -c firn -n 'contains none (__firn_verb)' -a %s -d ", c->name);
		put_quoted(f, c->summary);
		fputc('\n', f);
	}
	complete_foreach (o, c->options)
		print_option(f, condition, o);
	if (c->fields)
		complete_foreach (o, format_options)
			print_option(f, condition, o);
	for (size_t i = 0; (arg = complete_arg(c, i, &len)); i++) {
		fprintf(f, "complete -c firn%s", condition);
		print_kind(f, complete_kind(arg, len));
		fputc('\n', f);
	}
}

void complete_fish(FILE *f)
{
	fputs(head, f);
	fputs("\t\tcase", f);
	complete_foreach (o, global_options)
		if (o->arg)
			fprintf(f, " --%s", o->name);
	fputc('\n', f);
	fputs(tail, f);
	complete_foreach (o, global_options)
		print_option(f, "", o);
	for (const struct command *const *c = commands; *c; c++)
		print_command(f, *c);
}
