/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complete.h"

#include <string.h>

static const char head[] =
    "#compdef firn\n"
    "# zsh completion for firn, made by `firn completion zsh`\n"
    "_firn_images() {\n"
    "\tif compset -P '(oci|oci-archive|dir):'; then\n"
    "\t\t_files\n"
    "\telse\n"
    "\t\t_alternative 'transports:transport:compadd -S \"\" oci\\: oci-archive\\:' "
    "'files:file:_files'\n"
    "\tfi\n"
    "}\n"
    "\n"
    "_firn_commands() {\n"
    "\tlocal -a commands=(\n";

static const char middle[] = "\t)\n"
			     "\t_describe command commands\n"
			     "}\n"
			     "\n"
			     "_firn() {\n"
			     "\tlocal context state state_descr line curcontext=$curcontext\n"
			     "\ttypeset -A opt_args\n"
			     "\n"
			     "\t_arguments -C \\\n";

/* For a specification of _arguments between single quotes. */
static void put_text(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", f);
		else if (strchr("[]:\\", *text))
			fprintf(f, "\\%c", *text);
		else
			fputc(*text, f);
	}
}

static const char *action(enum complete_kind kind)
{
	switch (kind) {
	case COMPLETE_FILES:
		return "_files";
	case COMPLETE_IMAGES:
		return "_firn_images";
	case COMPLETE_DIRS:
		return "_files -/";
	case COMPLETE_COMMANDS:
		return "_firn_commands";
	case COMPLETE_SHELLS:
		return "(bash zsh fish)";
	case COMPLETE_NOTHING:
		break;
	}
	return " ";
}

static void print_value(FILE *f, const struct opt *o)
{
	fputc(':', f);
	put_text(f, o->arg);
	if (o->type == OPT_IS_ENUM) {
		fputs(":(", f);
		for (const char *p = o->values; *p; p++)
			fputc(*p == '|' ? ' ' : *p, f);
		fputc(')', f);
	} else {
		fprintf(f, ":%s", action(complete_kind(o->arg, strlen(o->arg))));
	}
}

/* '(-b --base)'{-b,--base}'[text]:IMAGE:_firn_images' */
static void print_option(FILE *f, const char *indent, const struct opt *o)
{
	const char *eq = o->arg ? "=" : "", *plus = o->arg ? "+" : "";
	const char *again = o->type == OPT_IS_LIST ? "*" : "";

	fputs(indent, f);
	if (o->letter && !*again)
		fprintf(f, "'(-%c --%s)'", o->letter, o->name);
	if (o->letter)
		fprintf(f, "{'%s-%c%s','%s--%s%s'}'", again, o->letter, plus, again, o->name, eq);
	else
		fprintf(f, "'%s--%s%s", again, o->name, eq);
	fputc('[', f);
	put_text(f, o->help);
	fputc(']', f);
	if (o->arg)
		print_value(f, o);
	fputs("' \\\n", f);
}

static void print_command(FILE *f, const struct command *c)
{
	const struct opt *tables[4];
	const char *arg;
	size_t len;

	fprintf(f, "\t\t%s)\n\t\t\t_arguments -s \\\n", c->name);
	complete_tables(c, tables);
	for (size_t i = 0; tables[i]; i++)
		complete_foreach (o, tables[i])
			print_option(f, "\t\t\t\t", o);
	/* _arguments takes the rest but once, and where it ends isn't known. */
	if (c->max_args < 0)
		fprintf(f, "\t\t\t\t'*:argument:%s' \\\n", action(complete_any(c)));
	for (size_t i = 0; c->max_args >= 0 && (arg = complete_arg(c, i, &len)); i++)
		fprintf(f, "\t\t\t\t'%zu:argument:%s' \\\n", i + 1,
			action(complete_kind(arg, len)));
	fputs("\t\t\t\t&& return\n\t\t\t;;\n", f);
}

void complete_zsh(FILE *f)
{
	fputs(head, f);
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		fprintf(f, "\t\t'%s:", (*c)->name);
		put_text(f, (*c)->summary);
		fputs("'\n", f);
	}
	fputs(middle, f);
	complete_foreach (o, global_options)
		print_option(f, "\t\t", o);
	fputs("\t\t'1:command:_firn_commands' \\\n\t\t'*::argument:->arguments' && return\n"
	      "\t[[ $state == arguments ]] || return\n\tcase $words[1] in\n",
	      f);
	for (const struct command *const *c = commands; *c; c++)
		print_command(f, *c);
	fputs("\tesac\n}\n\n_firn \"$@\"\n", f);
}
