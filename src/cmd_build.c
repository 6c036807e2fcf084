/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include <firn/build.h>

struct build_opts {
	const char *base, *name, *upperdir;
	bool force, source_digest;
};

static const struct opt build_options[] = {
	OPT_STR('b', "base", struct build_opts, base, "IMAGE",
		"The image the container was made from, as oci:DIR[:TAG|@DIGEST] or "
		"oci-archive:FILE[:TAG]; without it the result needs --base to be mounted"),
	OPT_STR('n', "name", struct build_opts, name, "NAME",
		"The container's name, instead of the one in the checkpoint"),
	OPT_STR(0, "upperdir", struct build_opts, upperdir, "DIR",
		"The upper directory of the container's overlay: take its changes from there"),
	OPT_FLAG('f', "force", struct build_opts, force, "Replace tags that are there already"),
	OPT_FLAG(0, "source-digest", struct build_opts, source_digest,
		 "Record the sha256 of the checkpoint file; costs a second hash"),
	OPT_END,
};

enum { INDEX, CHECKPOINT, ROOTFS, CONTAINER, ENGINE, BYTES, LOSSES };
static const struct out_field build_fields[] = {
	[INDEX] = { "Digest", OUT_STR },   [CHECKPOINT] = { "Checkpoint", OUT_STR },
	[ROOTFS] = { "Rootfs", OUT_STR },  [CONTAINER] = { "Container", OUT_STR },
	[ENGINE] = { "Engine", OUT_STR },  [BYTES] = { "Bytes", OUT_UINT },
	[LOSSES] = { "Losses", OUT_LIST }, { NULL, OUT_END },
};

static void result_freep(struct firn_build_result **r)
{
	firn_build_result_free(*r);
}

static int print_result(const struct app *app, const struct firn_build_result *r,
			struct firn_error *err)
{
	size_t n = firn_build_result_losses(r);
	_free_ const char **losses = calloc(n + 1, sizeof(*losses));
	union out_value values[] = {
		[INDEX] = { .str = firn_build_result_index(r) },
		[CHECKPOINT] = { .str = firn_build_result_checkpoint(r) },
		[ROOTFS] = { .str = firn_build_result_rootfs(r) },
		[CONTAINER] = { .str = firn_build_result_container(r) },
		[ENGINE] = { .str = firn_build_result_engine(r) },
		[BYTES] = { .num = firn_build_result_bytes(r) },
		[LOSSES] = { .list = { losses, n } },
	};

	if (!losses)
		return fail(err, FIRN_ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		losses[i] = firn_build_result_loss(r, i);
	out_result(stdout, app->format ? app->format : "{{.Digest}}", build_fields, values);
	return 0;
}

static int build_run(struct app *app, const void *opts, int argc, char **argv,
		     struct firn_error *err)
{
	const struct build_opts *o = opts;
	_cleanup_(result_freep) struct firn_build_result *result = NULL;
	struct firn_report report = progress_report(&app->progress);
	struct firn_build_opts build = {
		.size = sizeof(build),
		.flags = (o->force ? FIRN_BUILD_FORCE : 0) |
			 (o->source_digest ? FIRN_BUILD_SOURCE_DIGEST : 0),
		.base = o->base,
		.container = o->name,
		.upperdir = o->upperdir,
		.report = &report,
	};
	int rc;

	(void)argc;
	rc = firn_build(argv[0], argv[1], &build, &result, err);
	progress_clear(&app->progress);
	return rc < 0 ? rc : print_result(app, result, err);
}

const struct command cmd_build = {
	.name = "build",
	.args = "CHECKPOINT oci:DIR:TAG",
	.summary = "Make an image of a checkpoint in an OCI layout",
	.about =
	    "Convert a checkpoint into an image of the OCI layout DIR, which is made when it isn't "
	    "there. CHECKPOINT is an engine's archive (plain, gzip or zstd), - for standard input, "
	    "an unpacked archive, or a folder of CRIU images. TAG names the whole, TAG.checkpoint "
	    "and TAG.rootfs its two images. The digest of the whole is printed.",
	.example = "firn build --base oci:base:app redis.tar oci:layout:r1\n"
		   "podman container checkpoint -c none -e /dev/stdout c1 |\n"
		   "    firn build - oci:layout:c1",
	.min_args = 2,
	.max_args = 2,
	.options = build_options,
	.opts_size = sizeof(struct build_opts),
	.fields = build_fields,
	.run = build_run,
};
