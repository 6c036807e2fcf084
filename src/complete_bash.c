/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bash cuts words at "=" and ":", so "--base=oci:dir" arrives in five words: positions of arguments
 * can't be counted, and every argument of a command is offered what any of them may be.
 */
#include "complete.h"

#include <string.h>

static const char head[] =
    "# bash completion for firn, made by `firn completion bash`\n"
    "_firn_images()\n"
    "{\n"
    "\t# Behind the second colon is a tag, or a registry's port: no file.\n"
    "\tcase $behind in '' | oci | oci-archive | dir) ;; *) return ;; esac\n"
    "\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "\tcompopt -o filenames\n"
    "\tif [[ -z $behind && -n $cur && oci-archive == \"$cur\"* ]]; then\n"
    "\t\tCOMPREPLY+=(oci: oci-archive:)\n"
    "\t\tcompopt -o nospace\n"
    "\tfi\n"
    "}\n"
    "\n"
    "_firn_dirs()\n"
    "{\n"
    "\tmapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
    "\tcompopt -o filenames\n"
    "}\n"
    "\n"
    "_firn_words()\n"
    "{\n"
    "\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_firn()\n"
    "{\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' behind='' i\n"
    "\n"
    "\tif [[ $cur == = || $cur == : ]]; then\n"
    "\t\t[[ $cur == = ]] || behind=$prev\n"
    "\t\tcur=\n"
    "\telif [[ $prev == : ]]; then\n"
    "\t\tbehind=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "\telif [[ $prev == = ]]; then\n"
    "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "\tfi\n"
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\tcase ${COMP_WORDS[i]} in\n";

static void print_kind(FILE *f, enum complete_kind kind)
{
	switch (kind) {
	case COMPLETE_FILES:
	case COMPLETE_IMAGES:
		fputs("_firn_images", f);
		break;
	case COMPLETE_DIRS:
		fputs("_firn_dirs", f);
		break;
	case COMPLETE_COMMANDS:
		fputs("_firn_words \"$commands\"", f);
		break;
	case COMPLETE_SHELLS:
		fputs("_firn_words 'bash zsh fish'", f);
		break;
	case COMPLETE_NOTHING:
		fputs(":", f);
		break;
	}
}

/* "build,--base | build,-b) _firn_images ;;" */
static void print_value_case(FILE *f, const char *verb, const struct opt *o)
{
	fprintf(f, "\t%s,--%s", verb, o->name);
	if (o->letter)
		fprintf(f, " | %s,-%c", verb, o->letter);
	fputs(") ", f);
	if (o->type == OPT_IS_ENUM) {
		fputs("_firn_words '", f);
		for (const char *p = o->values; *p; p++)
			fputc(*p == '|' ? ' ' : *p, f);
		fputs("'", f);
	} else {
		print_kind(f, complete_kind(o->arg, strlen(o->arg)));
	}
	fputs("; return ;;\n", f);
}

static void print_values(FILE *f)
{
	fputs("\tcase $verb,$prev in\n", f);
	complete_foreach (o, global_options)
		if (o->arg)
			print_value_case(f, "*", o);
	complete_foreach (o, format_options)
		fprintf(f, "\t*,--%s) _firn_words json; return ;;\n", o->name);
	for (const struct command *const *c = commands; *c; c++)
		complete_foreach (o, (*c)->options)
			if (o->arg)
				print_value_case(f, (*c)->name, o);
	fputs("\tesac\n", f);
}

static void print_option_words(FILE *f, const struct command *c)
{
	const struct opt *tables[4];

	complete_tables(c, tables);
	fprintf(f, "\t\t%s) _firn_words '", c ? c->name : "''");
	for (size_t i = 0; tables[i]; i++)
		complete_foreach (o, tables[i])
			fprintf(f, "--%s ", o->name);
	fputs("' ;;\n", f);
}

void complete_bash(FILE *f)
{
	fputs(head, f);
	complete_foreach (o, global_options)
		if (o->arg)
			fprintf(
			    f, "\t\t--%s) [[ ${COMP_WORDS[i + 1]} != = ]] || ((i++)); ((i++)) ;;\n",
			    o->name);
	fputs("\t\t-*) ;;\n\t\t*) verb=${COMP_WORDS[i]}; break ;;\n\t\tesac\n\tdone\n"
	      "\tlocal commands='",
	      f);
	for (const struct command *const *c = commands; *c; c++)
		if (!(*c)->hidden)
			fprintf(f, "%s ", (*c)->name);
	fputs("'\n", f);
	print_values(f);
	fputs("\tif [[ $cur == -* ]]; then\n\t\tcase $verb in\n", f);
	print_option_words(f, NULL);
	for (const struct command *const *c = commands; *c; c++)
		print_option_words(f, *c);
	fputs("\t\tesac\n\t\treturn\n\tfi\n\tcase $verb in\n\t'') _firn_words \"$commands\" ;;\n",
	      f);
	for (const struct command *const *c = commands; *c; c++) {
		fprintf(f, "\t%s) ", (*c)->name);
		print_kind(f, complete_any(*c));
		fputs(" ;;\n", f);
	}
	fputs("\tesac\n}\ncomplete -F _firn firn\n", f);
}
