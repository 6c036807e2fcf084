/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asking.h"
#include "bases.h"
#include "compress.h"

#include <firn/build.h>
#include <stdlib.h>
#include <string.h>

struct build_opts {
	const char *project, *name, *upperdir, *previous;
	struct opt_list bases;
	const char *rootfs_name, *compress;
	uint64_t threads;
	int engine, engine_delta;
	bool force, source_digest, keep_source;
	struct asking_opts asking;
	bool leave_running, tcp, ignore_rootfs, file_locks;
};

static const struct opt build_options[] = {
	OPT_STR('p', "project", struct build_opts, project, "DIR",
		"Several containers: the archives and checkpoints in the folder DIR, as its "
		"project.json or pod.options lists them or else all of them"),
	OPT_LIST('b', "base", struct build_opts, bases, "[NAME=]IMAGE",
		 "The image the container was made from, as oci:DIR[:TAG|@DIGEST] or "
		 "oci-archive:FILE[:TAG]; without it the result needs --base to be mounted. With "
		 "NAME= that of one of several containers; may be repeated then"),
	OPT_STR('n', "name", struct build_opts, name, "NAME",
		"The container's name, instead of the one in the checkpoint"),
	OPT_STR(0, "upperdir", struct build_opts, upperdir, "DIR",
		"The upper directory of the container's overlay: take its changes from there"),
	OPT_ENUM(0, "for", struct build_opts, engine, "maker|podman|cri-o|containerd", "ENGINE",
		 "The engine that has to be able to restore from the result: maker (default), "
		 "podman, cri-o or containerd"),
	OPT_STR(0, "rootfs-name", struct build_opts, rootfs_name, "REF",
		"Under which name, as HOST/REPO:TAG, that engine will find the rootfs image"),
	OPT_ENUM(0, "engine-delta", struct build_opts, engine_delta, "layer|archive", "HOW",
		 "How engines get the container's changes: as a layer of the rootfs image "
		 "(default), or as their own archive has them"),
	COMPRESS_OPTIONS(struct build_opts, compress, threads,
			 "Compress the layers, level 1 to 22 (3); the kernel mounts them as they "
			 "are, from Linux 6.10 on"),
	OPT_FLAG(0, "keep-source", struct build_opts, keep_source,
		 "Keep the checkpoint's own bytes as well, for firn export; costs its size"),
	OPT_STR(0, "previous", struct build_opts, previous, "CHECKPOINT",
		"The dump that an incremental checkpoint builds on, if it doesn't lie beside it"),
	OPT_FLAG('f', "force", struct build_opts, force, "Replace tags that are there already"),
	OPT_FLAG(0, "source-digest", struct build_opts, source_digest,
		 "Record the sha256 of the checkpoint file; costs a second hash"),
	OPT_FLAG('R', "leave-running", struct build_opts, leave_running,
		 "podman:NAME runs on after its checkpoint"),
	OPT_FLAG(0, "tcp-established", struct build_opts, tcp,
		 "podman:NAME: dump connected TCP sockets"),
	OPT_FLAG(0, "file-locks", struct build_opts, file_locks, "podman:NAME: dump file locks"),
	OPT_FLAG(0, "ignore-rootfs", struct build_opts, ignore_rootfs,
		 "podman:NAME: leave out what it changed in its rootfs"),
	ASKING_OPTIONS(struct build_opts, asking),
	OPT_END,
};

enum { PART_CONTAINER, PART_CHECKPOINT, PART_ROOTFS, PART_ENGINE, PART_BYTES, PART_LOSSES, PARTS };
static const struct out_field part_fields[] = {
	[PART_CONTAINER] = { "Container", OUT_STR },
	[PART_CHECKPOINT] = { "Checkpoint", OUT_STR },
	[PART_ROOTFS] = { "Rootfs", OUT_STR },
	[PART_ENGINE] = { "Engine", OUT_STR },
	[PART_BYTES] = { "Bytes", OUT_UINT },
	[PART_LOSSES] = { "Losses", OUT_LIST },
	{ NULL, OUT_END },
};

enum { INDEX, CHECKPOINT, ROOTFS, CONTAINER, ENGINE, BYTES, LOSSES, CONTAINERS };
static const struct out_field build_fields[] = {
	[INDEX] = { "Digest", OUT_STR },
	[CHECKPOINT] = { "Checkpoint", OUT_STR },
	[ROOTFS] = { "Rootfs", OUT_STR },
	[CONTAINER] = { "Container", OUT_STR },
	[ENGINE] = { "Engine", OUT_STR },
	[BYTES] = { "Bytes", OUT_UINT },
	[LOSSES] = { "Losses", OUT_LIST },
	[CONTAINERS] = { "Containers", OUT_ROWS },
	{ NULL, OUT_END },
};

static void result_freep(struct firn_build_result **r)
{
	firn_build_result_free(*r);
}

/* The losses of @r; the caller frees the array. */
static const char **losses_of(const struct firn_build_result *r, union out_value *ret)
{
	const size_t n = firn_build_result_losses(r);
	const char **losses = calloc(n + 1, sizeof(*losses));

	for (size_t i = 0; losses && i < n; i++)
		losses[i] = firn_build_result_loss(r, i);
	ret->list.items = losses;
	ret->list.n = losses ? n : 0;
	return losses;
}

static void fill_part(const struct firn_build_result *r, union out_value *v)
{
	v[PART_CONTAINER].str = firn_build_result_container(r);
	v[PART_CHECKPOINT].str = firn_build_result_checkpoint(r);
	v[PART_ROOTFS].str = firn_build_result_rootfs(r);
	v[PART_ENGINE].str = firn_build_result_engine(r);
	v[PART_BYTES].num = firn_build_result_bytes(r);
}

static void free_parts(union out_value *parts, size_t n)
{
	for (size_t i = 0; parts && i < n; i++)
		free((void *)parts[i * PARTS + PART_LOSSES].list.items);
	free(parts);
}

/* A row for each container; NULL when out of memory. */
static union out_value *list_parts(const struct firn_build_result *r, size_t n)
{
	union out_value *parts = calloc(n * PARTS, sizeof(*parts));
	bool whole = parts;

	for (size_t i = 0; parts && i < n; i++) {
		const struct firn_build_result *part = firn_build_result_part(r, i);

		fill_part(part, parts + i * PARTS);
		whole &= losses_of(part, &parts[i * PARTS + PART_LOSSES]) != NULL;
	}
	if (whole)
		return parts;
	free_parts(parts, n);
	return NULL;
}

static int print_result(const struct app *app, const struct firn_build_result *r,
			struct firn_error *err)
{
	const size_t n = firn_build_result_parts(r);
	union out_value *parts = list_parts(r, n);
	union out_value values[] = {
		[INDEX] = { .str = firn_build_result_index(r) },
		[CHECKPOINT] = { .str = firn_build_result_checkpoint(r) },
		[ROOTFS] = { .str = firn_build_result_rootfs(r) },
		[CONTAINER] = { .str = firn_build_result_container(r) },
		[ENGINE] = { .str = firn_build_result_engine(r) },
		[BYTES] = { .num = firn_build_result_bytes(r) },
		[LOSSES] = { .list = { NULL, 0 } },
		[CONTAINERS] = { .rows = { part_fields, parts, n } },
	};
	_free_ const char **losses = losses_of(r, &values[LOSSES]);

	if (parts && losses)
		out_result(stdout, app->format ? app->format : "{{.Digest}}", build_fields, values);
	free_parts(parts, n);
	return parts && losses ? 0 : fail(err, FIRN_ENOMEM, "out of memory");
}

/* The checkpoints @argv; the names that stand before them are owned by @ret's containers. */
static int fill_items(struct firn_build_item *ret, int n, char **argv, struct firn_error *err)
{
	for (int i = 0; i < n; i++) {
		const char *path = behind_name(argv[i]);
		char *name = path ? strndup(argv[i], (size_t)(path - 1 - argv[i])) : NULL;

		if (path && !name)
			return fail(err, FIRN_ENOMEM, "out of memory");
		ret[i] = (struct firn_build_item){ .size = sizeof(*ret),
						   .checkpoint = path ? path : argv[i],
						   .container = name };
	}
	return 0;
}

static void free_items(struct firn_build_item *items, int n)
{
	for (int i = 0; items && i < n; i++)
		free((char *)items[i].container);
	free(items);
}

/* argv: the checkpoints and the destination. */
static int build_items(struct app *app, int argc, char **argv, struct firn_build_opts *opts,
		       struct firn_build_result **ret, struct firn_error *err)
{
	const int n = argc - 1;
	struct firn_build_item *items = calloc((size_t)n, sizeof(*items));
	int rc = items ? fill_items(items, n, argv, err) : fail(err, FIRN_ENOMEM, "out of memory");

	if (rc == 0 && opts->container && (n > 1 || items[0].container))
		rc = misuse(app, err, "--name and %s exclude each other",
			    n > 1 ? "several checkpoints" : argv[0]);
	if (rc == 0 && opts->upperdir && n > 1)
		rc = misuse(app, err, "--upperdir and several checkpoints exclude each other");
	if (rc == 0 && opts->previous && n > 1)
		rc = misuse(app, err, "--previous and several checkpoints exclude each other");
	if (rc == 0 && opts->container)
		items[0].container = strdup(opts->container);
	if (rc == 0) {
		items[0].upperdir = opts->upperdir;
		items[0].previous = opts->previous;
	}
	opts->container = opts->upperdir = opts->previous = NULL;
	if (rc == 0)
		rc = firn_build_all(items, (size_t)n, argv[n], opts, ret, err);
	free_items(items, n);
	return rc;
}

/* The first option that is for podman:NAME alone, or NULL. */
static const char *podman_option(const struct build_opts *o)
{
	return o->leave_running    ? "--leave-running"
	       : o->tcp            ? "--tcp-established"
	       : o->file_locks     ? "--file-locks"
	       : o->ignore_rootfs  ? "--ignore-rootfs"
	       : o->asking.socket  ? "--socket"
	       : o->asking.timeout ? "--timeout"
				   : NULL;
}

static bool asks_podman(const struct build_opts *o, int argc, char **argv)
{
	for (int i = 0; !o->project && i < argc - 1; i++) {
		const char *path = behind_name(argv[i]);

		if (strncmp(path ? path : argv[i], "podman:", 7) == 0)
			return true;
	}
	return false;
}

static unsigned podman_flags(const struct build_opts *o)
{
	return (o->leave_running ? FIRN_PODMAN_LEAVE_RUNNING : 0) |
	       (o->tcp ? FIRN_PODMAN_TCP_ESTABLISHED : 0) |
	       (o->file_locks ? FIRN_PODMAN_FILE_LOCKS : 0) |
	       (o->ignore_rootfs ? FIRN_PODMAN_IGNORE_ROOTFS : 0);
}

static int check_use(struct app *app, const struct build_opts *o, int argc, char **argv,
		     struct firn_error *err)
{
	if (!o->project)
		return argc > 1 ? 0 : misuse(app, err, "needs %s", cmd_build.args);
	if (argc > 1)
		return misuse(app, err, "--project and \"%s\" exclude each other", argv[0]);
	if (o->name || o->upperdir || o->previous)
		return misuse(app, err, "--project and %s exclude each other",
			      o->name       ? "--name"
			      : o->upperdir ? "--upperdir"
					    : "--previous");
	return 0;
}

/* Of no use for files, and then not asked for. */
static int fill_podman(struct app *app, const struct build_opts *o, int argc, char **argv,
		       struct firn_podman_opts *ret, char **ret_owned, struct firn_error *err)
{
	if (asks_podman(o, argc, argv))
		return asking_fill(&o->asking, podman_flags(o), ret, ret_owned, err);
	if (podman_option(o))
		return misuse(app, err, "%s is for podman:NAME alone", podman_option(o));
	*ret = (struct firn_podman_opts){ .size = sizeof(*ret) };
	return 0;
}

static int build_run(struct app *app, const void *opts, int argc, char **argv,
		     struct firn_error *err)
{
	static const char *const engines[] = { NULL, "podman", "cri-o", "containerd" };
	const struct build_opts *o = opts;
	_cleanup_(result_freep) struct firn_build_result *result = NULL;
	struct firn_report report = progress_report(&app->progress);
	_free_ char *socket = NULL;
	struct firn_podman_opts podman;
	struct firn_build_opts build = {
		.size = sizeof(build),
		.flags = (o->force ? FIRN_BUILD_FORCE : 0) |
			 (o->source_digest ? FIRN_BUILD_SOURCE_DIGEST : 0) |
			 (o->engine_delta ? FIRN_BUILD_ARCHIVE_DELTA : 0) |
			 (o->keep_source ? FIRN_BUILD_KEEP_SOURCE : 0),
		.engine = engines[o->engine],
		.rootfs_name = o->rootfs_name,
		.container = o->name,
		.upperdir = o->upperdir,
		.previous = o->previous,
		.report = &report,
		.podman = &podman,
		.threads = (unsigned)o->threads,
	};
	struct bases bases = { .all = NULL };
	int rc = check_use(app, o, argc, argv, err);

	if (rc == 0)
		rc = compress_parse(app, o->compress, o->threads, &build.level, err);
	build.compress = rc > 0 ? FIRN_COMPRESS_ZSTD : FIRN_COMPRESS_NONE;
	if (rc >= 0)
		rc = fill_podman(app, o, argc, argv, &podman, &socket, err);
	if (rc == 0)
		rc = bases_sort(app, &o->bases, &bases, err);
	build.base = bases.all;
	build.bases = bases.named;
	build.nbases = bases.n;
	if (rc == 0)
		rc = o->project ? firn_build_project(o->project, argv[0], &build, &result, err)
				: build_items(app, argc, argv, &build, &result, err);
	free(bases.named);
	progress_clear(&app->progress);
	return rc < 0 ? rc : print_result(app, result, err);
}

const struct command cmd_build = {
	.name = "build",
	.args = "[NAME=]CHECKPOINT...|--project DIR oci:DIR:TAG",
	.summary = "Make an image of a checkpoint in an OCI layout",
	.about =
	    "Convert a checkpoint into an image of the OCI layout DIR, which is made when it isn't "
	    "there. CHECKPOINT is an engine's archive (plain, gzip or zstd), - for standard input, "
	    "an unpacked archive, a folder of CRIU images, a checkpoint image of others or an "
	    "index of ctr checkpoint (oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST], or "
	    "the path "
	    "of either), or podman:NAME, a running container that Podman is asked to checkpoint. "
	    "TAG names the whole, TAG.checkpoint and TAG.rootfs its two images. Several "
	    "checkpoints, or a folder of them given with "
	    "--project, become one image; then the names are TAG.NAME.checkpoint and "
	    "TAG.NAME.rootfs. The digest of the whole is printed.",
	.example = "firn build --base oci:base:app redis.tar oci:layout:r1\n"
		   "firn build web=web.tar db=db.tar.gz oci:layout:shop\n"
		   "firn build --project shop --base db=oci:base:db oci:layout:shop\n"
		   "podman container checkpoint -c none -e /dev/stdout c1 |\n"
		   "    firn build - oci:layout:c1\n"
		   "firn build --leave-running podman:c1 oci:layout:c1",
	.min_args = 1,
	.max_args = -1,
	.options = build_options,
	.opts_size = sizeof(struct build_opts),
	.fields = build_fields,
	.run = build_run,
};
