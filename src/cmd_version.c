/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"
#include "config.h"

#include <firn/version.h>

static const struct out_field version_fields[] = {
	{ "Version", OUT_STR },
	{ "Library", OUT_STR },
	{ NULL, OUT_END },
};

static int version_run(struct app *app, const void *opts, int argc, char **argv,
		       struct firn_error *err)
{
	union out_value values[] = { { .str = PACKAGE_VERSION }, { .str = firn_version() } };

	(void)opts, (void)argc, (void)argv, (void)err;
	out_result(stdout, app->format ? app->format : "firn {{.Version}} (libfirn {{.Library}})",
		   version_fields, values);
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.args = "",
	.summary = "Print the versions of firn and its library",
	.fields = version_fields,
	.run = version_run,
};
