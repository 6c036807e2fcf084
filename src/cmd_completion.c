/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complete.h"

#include <string.h>

static const struct {
	const char *shell;
	void (*print)(FILE *f);
} shells[] = {
	{ "bash", complete_bash },
	{ "zsh", complete_zsh },
	{ "fish", complete_fish },
};

static int completion_run(struct app *app, const void *opts, int argc, char **argv,
			  struct firn_error *err)
{
	(void)opts, (void)argc;
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (strcmp(argv[0], shells[i].shell) == 0) {
			shells[i].print(stdout);
			return 0;
		}
	return misuse(app, err, "\"%s\" is none of bash, zsh and fish", argv[0]);
}

const struct command cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "Print a completion script",
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = completion_run,
};
