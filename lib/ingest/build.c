/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firn/build.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "bytes/codec_frame.h"
#include "bytes/frame_pool.h"
#include "ingest/batch.h"
#include "ingest/items.h"
#include "ingest/names.h"
#include "ingest/project.h"
#include "ingest/result.h"
#include "ingest/tags.h"
#include "ingest/upper.h"

#include <string.h>

#define BUILD_FLAGS                                                                                \
	(FIRN_BUILD_FORCE | FIRN_BUILD_SOURCE_DIGEST | FIRN_BUILD_ARCHIVE_DELTA |                  \
	 FIRN_BUILD_KEEP_SOURCE)

/* One call, its options complete. */
struct build {
	struct firn_build_opts opts;
	struct ref dest;
	struct items items;
	struct project project; /* where the items come from, or zero */
	struct batch batch;
	struct tags tags;
};

static void build_done(struct build *b)
{
	tags_done(&b->tags);
	batch_done(&b->batch);
	items_done(&b->items);
	project_done(&b->project);
	ref_done(&b->dest);
}

static int parse_dest(const char *dest, struct ref *ret, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = ref_parse(dest, ret, err);

	if (rc < 0)
		return rc;
	if (ret->transport == REF_OCI && ret->tag)
		return 0;
	return firn_fail(err, FIRN_EINVAL, "%s: the destination has to be oci:DIR:TAG",
			 path_quote(dest, quoted));
}

static int open_upper(struct ingest *g, const char *path, struct firn_error *err)
{
	const int fd = upper_open(path, err);

	g->from_upper = fd >= 0;
	g->upper = fd;
	return fd < 0 ? fd : 0;
}

/* A container that runs: all that can be wrong is found before it is stopped. */
static int open_running(struct ingest *g, const char *checkpoint,
			const struct firn_podman_opts *opts, struct firn_error *err)
{
	const char *name = running_name(checkpoint);
	int rc = name ? running_open(name, opts, &g->running, err) : 0;

	return rc < 0 || !name || !g->base ? rc : running_check_base(g->running, g->base, err);
}

/* How engines get at the changes: what can't go together. */
static int check_delta(const struct build *b, const struct firn_build_item *item,
		       struct firn_error *err)
{
	const struct firn_build_opts *o = &b->opts;
	const bool archive = o->flags & FIRN_BUILD_ARCHIVE_DELTA;

	if (archive && item->upperdir)
		return firn_fail(err, FIRN_EINVAL,
				 "the changes in an upper directory are a layer: there is no "
				 "engine's archive to take its delta from");
	if (archive && o->rootfs_name)
		return firn_fail(err, FIRN_EINVAL,
				 "with its archive's delta an engine starts from the image that "
				 "the container was made from: the rootfs image needs no name");
	if (o->rootfs_name && b->items.n > 1)
		return firn_fail(err, FIRN_EINVAL,
				 "one name for the rootfs images of several containers");
	/* Not after the container was stopped. */
	if (running_name(item->checkpoint) && o->engine && strcmp(o->engine, "podman") != 0)
		return firn_fail(err, FIRN_EUNSUPP, "made by Podman: %s can't restore that",
				 o->engine);
	if (o->rootfs_name && running_name(item->checkpoint) && !item->base)
		return firn_fail(
		    err, FIRN_EINVAL,
		    "without its base the rootfs image is nothing that an engine could "
		    "find by a name (--base)");
	return 0;
}

static int open_previous(struct ingest *g, const char *path, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = input_open(path, false, &g->chain.previous, err);

	return firn_wrap(err, rc, "%s", path_quote(path, quoted));
}

static int add_container(struct build *b, const struct firn_build_item *item,
			 struct firn_error *err)
{
	struct ingest *g = NULL;
	int rc;

	if ((rc = check_delta(b, item, err)) < 0 || (rc = batch_add(&b->batch, &g, err)) < 0)
		return rc;
	g->container = item->container;
	g->pod = b->project.n ? &b->project.pod : NULL;
	g->digest = b->opts.flags & FIRN_BUILD_SOURCE_DIGEST;
	g->archive_delta = b->opts.flags & FIRN_BUILD_ARCHIVE_DELTA;
	g->keep_source = b->opts.flags & FIRN_BUILD_KEEP_SOURCE;
	g->for_engine = b->opts.engine;
	g->rootfs_name = b->opts.rootfs_name;
	g->notes.report = b->opts.report;
	g->notes.about = b->items.n > 1 ? item->container : NULL;
	if ((item->upperdir && (rc = open_upper(g, item->upperdir, err)) < 0) ||
	    (item->previous && (rc = open_previous(g, item->previous, err)) < 0))
		return rc;
	if (item->base && (rc = batch_base(&b->batch, item->base, &g->base, err)) < 0)
		return rc;
	return open_running(g, item->checkpoint, b->opts.podman, err);
}

static int open_pool(struct build *b, struct firn_error *err)
{
	const struct firn_build_opts *o = &b->opts;
	const int level = o->level ? o->level : CODEC_LEVEL_DEFAULT;

	if (o->compress == FIRN_COMPRESS_NONE)
		return 0;
	return frame_pool_new(level, o->threads, &b->batch.pool, err);
}

/* The layout last: a checkpoint or base that isn't there leaves no folder behind. */
static int open_all(struct build *b, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < b->items.n; i++)
		rc = add_container(b, &b->items.list[i], err);
	if (rc >= 0)
		rc = open_pool(b, err);
	return rc < 0 ? rc : batch_open_layout(&b->batch, b->dest.path, err);
}

/* Read one checkpoint and make its images: unnamed blobs. */
static int make_images(struct build *b, size_t i, struct firn_error *err)
{
	const char *checkpoint = b->items.list[i].checkpoint;
	struct ingest *g = b->batch.containers[i];
	const bool hash = g->digest && !g->keep_source;
	char quoted[PATH_QUOTE_MAX];
	int rc;

	rc = g->running ? running_begin(g->running, hash, &g->input, err)
			: input_open(checkpoint, hash, &g->input, err);
	if (rc < 0)
		return rc;
	rc = ingest_open(g, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(checkpoint, quoted));
	rc = chain_read_previous(g, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(b->items.list[i].previous, quoted));
	rc = ingest_members(g, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(checkpoint, quoted));
	rc = ingest_images(g, err);
	if (rc < 0)
		return b->items.n > 1 ? firn_wrap(err, rc, "%s", path_quote(checkpoint, quoted))
				      : rc;
	ingest_release(g);
	return 0;
}

static int make_all(struct build *b, struct firn_error *err)
{
	const bool replace = b->opts.flags & FIRN_BUILD_FORCE;
	int rc = tags_make(&b->tags, b->dest.tag, &b->batch, err);

	if (rc >= 0 && !replace)
		rc = layout_check_tags(b->batch.layout, b->tags.entries, b->tags.n, err);
	for (size_t i = 0; rc >= 0 && i < b->items.n; i++)
		rc = make_images(b, i, err);
	return rc < 0 ? rc : batch_index(&b->batch, err);
}

/* What has become of the containers whose images there won't be: the last begun has failed. */
static void tell_running(struct build *b, int rc, struct firn_error *err)
{
	const struct ingest *last = NULL;

	for (size_t i = b->batch.ncontainers; i-- > 0;) {
		struct ingest *g = b->batch.containers[i];
		struct firn_error other = { .msg = "" };

		if (!running_begun(g->running))
			continue;
		if (!last) {
			last = g;
			(void)running_failed(g->running, rc, err);
		} else {
			(void)firn_fail(&other, FIRN_EFAIL, "no image was made");
			(void)running_failed(g->running, rc, &other);
			notes_warn(&g->notes, "%s", other.msg);
		}
	}
}

static int commit(struct build *b, struct firn_error *err)
{
	const bool replace = b->opts.flags & FIRN_BUILD_FORCE;
	struct batch *batch = &b->batch;
	int rc = 0;

	tags_drop_absent(&b->tags);
	if (replace)
		rc = tags_add_replaced(&b->tags, b->dest.tag, batch->layout, err);
	if (rc < 0)
		return rc;
	return layout_commit(batch->layout, batch->blobs.list, batch->blobs.count, b->tags.entries,
			     b->tags.n, replace, err);
}

static int build(struct build *b, const struct firn_build_item *items, size_t n,
		 struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(result_freep) struct firn_build_result *result = NULL;
	int rc;

	if ((rc = items_take(items, n, &b->opts, &b->items, err)) < 0 ||
	    (rc = open_all(b, err)) < 0 || (rc = make_all(b, err)) < 0 ||
	    (rc = result_of(&b->batch, &result, err)) < 0 || (rc = commit(b, err)) < 0) {
		tell_running(b, rc, err);
		return rc;
	}
	if (ret)
		*ret = take_ptr(&result);
	return 0;
}

static int check_compress(const struct firn_build_opts *o, struct firn_error *err)
{
	if (o->compress != FIRN_COMPRESS_NONE && o->compress != FIRN_COMPRESS_ZSTD)
		return firn_fail(err, FIRN_EINVAL, "layers are compressed by zstd or not at all");
	return frame_pool_check(o->level, o->threads, err);
}

static int take_args(struct build *b, const struct firn_build_opts *given, const char *dest,
		     struct firn_error *err)
{
	int rc = opts_take(given, &b->opts, sizeof(b->opts), err);

	if (rc == 0)
		rc = opts_check_flags(b->opts.flags, BUILD_FLAGS, err);
	if (rc == 0)
		rc = names_check(b->opts.engine, b->opts.rootfs_name, err);
	if (rc == 0)
		rc = check_compress(&b->opts, err);
	return rc < 0 ? rc : parse_dest(dest, &b->dest, err);
}

int firn_build(const char *checkpoint, const char *dest, const struct firn_build_opts *opts,
	       struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(build_done) struct build b = { .batch.layout = NULL };
	struct firn_build_item item = { .size = sizeof(item), .checkpoint = checkpoint };
	int rc = take_args(&b, opts, dest, err);

	if (rc < 0)
		return rc;
	item.container = b.opts.container;
	item.upperdir = b.opts.upperdir;
	item.previous = b.opts.previous;
	return build(&b, &item, 1, ret, err);
}

/* What an option can say of one container only, items say of theirs. */
static int check_shared(const struct build *b, struct firn_error *err)
{
	const struct firn_build_opts *o = &b->opts;

	if (!o->container && !o->upperdir && !o->previous)
		return 0;
	return firn_fail(err, FIRN_EINVAL, "one container's %s for several checkpoints",
			 o->container  ? "name"
			 : o->upperdir ? "upper directory"
				       : "dump before it");
}

int firn_build_all(const struct firn_build_item *items, size_t n, const char *dest,
		   const struct firn_build_opts *opts, struct firn_build_result **ret,
		   struct firn_error *err)
{
	_cleanup_(build_done) struct build b = { .batch.layout = NULL };
	int rc;

	if ((rc = take_args(&b, opts, dest, err)) < 0 || (rc = check_shared(&b, err)) < 0)
		return rc;
	return build(&b, items, n, ret, err);
}

int firn_build_project(const char *dir, const char *dest, const struct firn_build_opts *opts,
		       struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(build_done) struct build b = { .batch.layout = NULL };
	int rc;

	if ((rc = take_args(&b, opts, dest, err)) < 0 || (rc = check_shared(&b, err)) < 0 ||
	    (rc = project_open(dir, b.opts.report, &b.project, err)) < 0)
		return rc;
	return build(&b, b.project.items, b.project.n, ret, err);
}
