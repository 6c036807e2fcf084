/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include "upkeep.h"

#include <string.h>

enum { TAGS };
static const struct out_field rm_fields[] = {
	[TAGS] = { "Tags", OUT_LIST },
	{ NULL, OUT_END },
};

static int rm_one(const struct app *app, const char *image, struct firn_error *err)
{
	_cleanup_(upkeep_freep) struct firn_upkeep *done = NULL;
	union out_value values[1];
	int rc = firn_rm(image, &done, err);

	if (rc == 0)
		rc = upkeep_list(done, "tags", &values[TAGS], err);
	if (rc < 0)
		return rc;
	if (app->format)
		out_result(stdout, app->format, rm_fields, values);
	for (size_t i = 0; !app->format && i < values[TAGS].list.n; i++)
		printf("%s\n", values[TAGS].list.items[i]);
	free((void *)values[TAGS].list.items);
	return 0;
}

static int rm_run(struct app *app, const void *opts, int argc, char **argv, struct firn_error *err)
{
	int rc = 0;

	(void)opts;
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = rm_one(app, argv[i], err);
	return rc;
}

const struct command cmd_rm = {
	.name = "rm",
	.args = "oci:DIR:TAG...",
	.summary = "Take names of a layout's images away",
	.about =
	    "Take each TAG away, and those of its checkpoint and rootfs images; they are printed. "
	    "The space is freed by firn gc.",
	.example = "firn rm oci:layout:r1 && firn gc oci:layout",
	.min_args = 1,
	.max_args = -1,
	.fields = rm_fields,
	.run = rm_run,
};
