/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Completion scripts from the tables: what the shells share, and one printer for each. */
#ifndef FIRN_SRC_COMPLETE_H
#define FIRN_SRC_COMPLETE_H

#include "command.h"

/* What can stand for an argument, as its name tells: "DIR", "IMAGE|ARCHIVE", "[COMMAND]". */
enum complete_kind {
	COMPLETE_NOTHING,
	COMPLETE_FILES,
	COMPLETE_DIRS,
	COMPLETE_IMAGES, /* oci:, oci-archive:, and files */
	COMPLETE_COMMANDS,
	COMPLETE_SHELLS
};

enum complete_kind complete_kind(const char *arg, size_t len);

/* What any argument of @c may be, for who can't count them. */
enum complete_kind complete_any(const struct command *c);

/* The @i-th argument in command.args, its length in @ret_len, or NULL. */
const char *complete_arg(const struct command *c, size_t i, size_t *ret_len);

/* All tables of a command, globals last; ends with NULL. @c NULL: the globals alone. */
void complete_tables(const struct command *c, const struct opt *ret[4]);

/* The rows of a table that are shown. */
#define complete_foreach(o, table)                                                                 \
	for (const struct opt *o = (table); o && o->type != OPT_NONE; o++)                         \
		if (!o->hidden)

void complete_bash(FILE *f);
void complete_zsh(FILE *f);
void complete_fish(FILE *f);

#endif
