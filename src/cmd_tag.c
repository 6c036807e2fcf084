/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include <firn/layout.h>

struct tag_opts {
	bool force;
};

static const struct opt tag_options[] = {
	OPT_FLAG('f', "force", struct tag_opts, force, "Take the tag from the image that has it"),
	OPT_END,
};

static int tag_run(struct app *app, const void *opts, int argc, char **argv, struct firn_error *err)
{
	const struct tag_opts *o = opts;
	int rc = 0;

	(void)app;
	for (int i = 1; rc == 0 && i < argc; i++)
		rc = firn_tag(argv[0], argv[i], o->force, err);
	return rc;
}

const struct command cmd_tag = {
	.name = "tag",
	.args = "oci:DIR[:TAG|@DIGEST] TAG...",
	.summary = "Give an image of a layout more names",
	.about =
	    "Give an image each TAG as one more name. Of a checkpoint image the checkpoint and "
	    "the rootfs get theirs too, TAG.checkpoint and TAG.rootfs.",
	.example = "firn tag oci:layout:r1 golden\n"
		   "firn tag --force oci:layout:r2 golden",
	.min_args = 2,
	.max_args = -1,
	.options = tag_options,
	.opts_size = sizeof(struct tag_opts),
	.run = tag_run,
};
