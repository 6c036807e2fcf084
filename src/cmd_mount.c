/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "interrupt.h"
#include "mounting.h"

struct mount_opts {
	struct mounting_opts mounting;
	const char *id;
};

static const struct opt mount_options[] = {
	MOUNTING_OPTIONS(struct mount_opts, mounting),
	OPT_STR(0, "id", struct mount_opts, id, "NAME",
		"Id of the container that will run from it, for its cgroup in config.json"),
	OPT_END,
};

enum { DIR_, DIGEST, METHOD, ROOTFS };
static const struct out_field mount_fields[] = {
	[DIR_] = { "Dir", OUT_STR },
	[DIGEST] = { "Digest", OUT_STR },
	[METHOD] = { "Method", OUT_STR },
	[ROOTFS] = { "Rootfs", OUT_BOOL },
	{ NULL, OUT_END },
};

static void mounted_freep(struct firn_mounted **m)
{
	firn_mounted_free(*m);
}

static int mount_run(struct app *app, const void *opts, int argc, char **argv,
		     struct firn_error *err)
{
	const struct mount_opts *o = opts;
	_cleanup_(mounted_freep) struct firn_mounted *mounted = NULL;
	struct firn_report report = progress_report(&app->progress);
	struct firn_mount_opts how;
	int rc = mounting_fill(app, &o->mounting, &report, &how, err);

	(void)argc;
	if (rc < 0)
		return rc;
	how.id = o->id;
	interrupt_unmounts(app->state, argv[1]);
	rc = firn_mount(argv[0], argv[1], &how, &mounted, err);
	progress_clear(&app->progress);
	if (rc < 0)
		return rc;
	out_result(stdout, app->format ? app->format : "{{.Dir}}", mount_fields,
		   (union out_value[]){
		       [DIR_] = { .str = firn_mounted_dir(mounted) },
		       [DIGEST] = { .str = firn_mounted_digest(mounted) },
		       [METHOD] = { .str = firn_mounted_method(mounted) },
		       [ROOTFS] = { .flag = firn_mounted_has_rootfs(mounted) },
		   });
	return 0;
}

const struct command cmd_mount = {
	.name = "mount",
	.args = "IMAGE|ARCHIVE DIR",
	.summary = "Mount a checkpoint as an OCI bundle, nothing extracted",
	.about = "Mount a checkpoint image (oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG]) or an "
		 "uncompressed engine archive on DIR as an OCI bundle: config.json, rootfs/, "
		 "checkpoint/ with the CRIU images, and work/. DIR must be empty or not there. Its "
		 "absolute path is printed.",
	.example = "firn mount oci:layout:r1 /run/ckpt\n"
		   "firn mount --base oci:base:app checkpoint.tar /run/ckpt\n"
		   "runc restore --bundle /run/ckpt --image-path /run/ckpt/checkpoint \\\n"
		   "    --work-path /run/ckpt/work r1",
	.min_args = 2,
	.max_args = 2,
	.options = mount_options,
	.opts_size = sizeof(struct mount_opts),
	.fields = mount_fields,
	.run = mount_run,
};
