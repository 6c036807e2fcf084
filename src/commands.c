/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include <string.h>

/* In the order of --help. */
const struct command *const commands[] = {
	&cmd_build,   &cmd_mount, &cmd_umount,     &cmd_restore, &cmd_export,
	&cmd_inspect, &cmd_list,  &cmd_memory,     &cmd_diff,    &cmd_check,
	&cmd_verify,  &cmd_copy,  &cmd_tag,        &cmd_rm,      &cmd_gc,
	&cmd_version, &cmd_help,  &cmd_completion, NULL,
};

const struct opt global_options[] = {
	OPT_STR(0, "state", struct app, state, "DIR", "What is mounted is noted here (/run/firn)"),
	OPT_ENUM(0, "progress", struct app, progress_mode, PROGRESS_NAMES, "HOW",
		 "auto, bar, plain, json (a JSON object a line, warnings and errors too) or none"),
	OPT_FLAG('q', "quiet", struct app, quiet, "Neither progress nor warnings"),
	OPT_FLAG('h', "help", struct app, help, "Print this help"),
	OPT_FLAG('V', "version", struct app, version, "Print the version"),
	OPT_END,
};

const struct opt format_options[] = {
	OPT_STR(0, "format", struct app, format, "FORMAT",
		"json, or a template: '{{.Field}} {{json .Field}}'"),
	OPT_END,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}
