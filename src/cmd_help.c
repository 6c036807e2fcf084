/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

static int help_run(struct app *app, const void *opts, int argc, char **argv,
		    struct firn_error *err)
{
	const struct command *c = argc ? command_find(argv[0]) : NULL;

	(void)opts;
	if (argc && !c)
		return misuse(app, err, "there is no command \"%s\"", argv[0]);
	command_help(stdout, c);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "Print the help of a command",
	.max_args = 1,
	.run = help_run,
};
