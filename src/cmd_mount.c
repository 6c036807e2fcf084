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

enum { DIR_, CONTAINER, DIGEST, METHOD, ROOTFS };
static const struct out_field mount_fields[] = {
	[DIR_] = { "Dir", OUT_STR },       [CONTAINER] = { "Container", OUT_STR },
	[DIGEST] = { "Digest", OUT_STR },  [METHOD] = { "Method", OUT_STR },
	[ROOTFS] = { "Rootfs", OUT_BOOL }, { NULL, OUT_END },
};

static void mounts_freep(struct firn_mounts **m)
{
	firn_mounts_free(*m);
}

static void print_one(const struct app *app, const struct firn_mounted *m)
{
	out_result(stdout, app->format ? app->format : "{{.Dir}}", mount_fields,
		   (union out_value[]){
		       [DIR_] = { .str = firn_mounted_dir(m) },
		       [CONTAINER] = { .str = firn_mounted_container(m) },
		       [DIGEST] = { .str = firn_mounted_digest(m) },
		       [METHOD] = { .str = firn_mounted_method(m) },
		       [ROOTFS] = { .flag = firn_mounted_has_rootfs(m) },
		   });
}

static int mount_run(struct app *app, const void *opts, int argc, char **argv,
		     struct firn_error *err)
{
	const struct mount_opts *o = opts;
	_cleanup_(mounts_freep) struct firn_mounts *mounts = NULL;
	struct firn_report report = progress_report(&app->progress);
	_cleanup_(mounting_free) struct firn_mount_opts how;
	int rc = mounting_fill(app, &o->mounting, &report, &how, err);

	(void)argc;
	if (rc < 0)
		return rc;
	how.id = o->id;
	interrupt_unmounts(app->state, argv[1]);
	rc = firn_mount_all(argv[0], argv[1], &how, &mounts, err);
	progress_clear(&app->progress);
	for (size_t i = 0; rc == 0 && i < firn_mounts_count(mounts); i++)
		print_one(app, firn_mounts_get(mounts, i));
	return rc;
}

const struct command cmd_mount = {
	.name = "mount",
	.args = "IMAGE|ARCHIVE DIR",
	.summary = "Mount a checkpoint as an OCI bundle, nothing extracted",
	.about =
	    "Mount a checkpoint image (oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG]) or an "
	    "uncompressed engine archive on DIR as an OCI bundle: config.json, rootfs/, "
	    "checkpoint/ with the CRIU images, and work/. DIR must be empty or not there. Its "
	    "absolute path is printed. Several containers of one image are mounted on DIR/NAME "
	    "each, and a line is printed for each.",
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
