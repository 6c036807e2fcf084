/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"
#include "interrupt.h"

#include <firn/export.h>

#include <string.h>

enum export_to { TO_ARCHIVE, TO_DIR };

struct export_opts {
	const char *container, *compress, *tmp;
	int to;
	uint64_t
	    interrupted; /* the signal that broke off an export and that we die of in the end */
};

static const struct opt export_options[] = {
	OPT_ENUM(0, "to", struct export_opts, to, "archive|dir", "WHAT",
		 "archive, the engine's own, or dir, the folder that containerd's task API takes"),
	OPT_STR('c', "compress", struct export_opts, compress, "HOW",
		"none, gzip or zstd; without it as the checkpoint came, none when the image "
		"doesn't tell"),
	OPT_STR(0, "container", struct export_opts, container, "NAME",
		"Which container, of an image that has several"),
	OPT_STR(0, "tmp", struct export_opts, tmp, "DIR",
		"Unpack layers that others have compressed here, instead of beside the result "
		"(/var/tmp for standard output)"),
	{ .type = OPT_IS_UINT,
	  .name = "interrupted",
	  .hidden = true,
	  .arg = "SIGNAL",
	  .min = 1,
	  .max = 64,
	  .offset = OPT_AT(struct export_opts, interrupted, uint64_t) },
	OPT_END,
};

enum { ENGINE, WAY, COMPRESSION, BYTES, SHARED };
static const struct out_field export_fields[] = {
	[ENGINE] = { "Engine", OUT_STR },           [WAY] = { "Way", OUT_STR },
	[COMPRESSION] = { "Compression", OUT_STR }, [BYTES] = { "Bytes", OUT_UINT },
	[SHARED] = { "Shared", OUT_UINT },          { NULL, OUT_END },
};

static void result_freep(struct firn_export_result **r)
{
	firn_export_result_free(*r);
}

static void print_result(const struct app *app, int to, const struct firn_export_result *r)
{
	const union out_value values[] = {
		[ENGINE] = { .str = firn_export_result_engine(r) },
		[WAY] = { .str = firn_export_result_way(r) },
		[COMPRESSION] = { .str = firn_export_result_compression(r) },
		[BYTES] = { .num = firn_export_result_bytes(r) },
		[SHARED] = { .num = firn_export_result_shared(r) },
	};
	const char *text = to == TO_DIR
			       ? "{{.Bytes}} bytes, {{.Shared}} of them shared with the image"
			       : "{{.Bytes}} bytes for {{.Engine}}";

	out_result(stdout, app->format ? app->format : text, export_fields, values);
}

_Noreturn static void clean(struct app *app, const char *dir, int signal, struct firn_error *err)
{
	if (firn_export_dir_clean(dir, err) < 0)
		progress_error(&app->progress, "export", err->msg, EXIT_FAILED);
	interrupt_die(signal);
}

static int export_run(struct app *app, const void *opts, int argc, char **argv,
		      struct firn_error *err)
{
	const struct export_opts *o = opts;
	_cleanup_(result_freep) struct firn_export_result *result = NULL;
	struct firn_report report = progress_report(&app->progress);
	const bool to_stdout = strcmp(argv[1], "-") == 0;
	const struct firn_export_opts how = {
		.size = sizeof(how),
		.container = o->container,
		.compress = o->compress,
		.tmp = o->tmp,
		.report = &report,
	};
	int rc;

	(void)argc;
	if (o->interrupted)
		clean(app, argv[1], (int)o->interrupted, err);
	if (o->to == TO_DIR && to_stdout)
		return misuse(app, err, "a folder can't go to standard output");
	if (o->to == TO_DIR && o->compress)
		return misuse(app, err, "a folder can't be compressed");
	if (to_stdout && app->format)
		return misuse(app, err,
			      "--format and the archive can't both go to standard output");
	if (o->to == TO_DIR) {
		interrupt_cleans(argv[0], argv[1]);
		rc = firn_export_dir(argv[0], argv[1], &how, &result, err);
		interrupt_default();
	} else {
		rc = firn_export(argv[0], argv[1], &how, &result, err);
	}
	progress_clear(&app->progress);
	if (rc == 0 && !to_stdout)
		print_result(app, o->to, result);
	return rc;
}

const struct command cmd_export = {
	.name = "export",
	.args = "IMAGE FILE|DIR|-",
	.summary = "Write a checkpoint image as its engine's archive, or as a folder",
	.about =
	    "Write the archive that the engine which made the checkpoint restores from, - for "
	    "standard output. From an image built with --keep-source or --engine-delta=archive it "
	    "is the very same again. Otherwise it is made anew, config.dump being the engine's "
	    "own. "
	    "FILE is replaced when all of it is written, DIR must not be there or be empty.",
	.example = "firn export oci:layout:r1 r1.tar && podman container restore --import r1.tar\n"
		   "firn export --to dir oci:layout:r1 /run/checkpoints/r1",
	.min_args = 2,
	.max_args = 2,
	.options = export_options,
	.opts_size = sizeof(struct export_opts),
	.fields = export_fields,
	.run = export_run,
};
