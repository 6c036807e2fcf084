/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firn/build.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "ingest/batch.h"
#include "ingest/result.h"
#include "ingest/upper.h"

#include <stdio.h>
#include <string.h>

enum { TAG_INDEX, TAG_CHECKPOINT, TAG_ROOTFS, TAGS_MAX };

/* The tags of one build; texts are owned. */
struct tags {
	char *names[TAGS_MAX];
	struct layout_entry entries[TAGS_MAX];
};

static void tags_done(struct tags *t)
{
	for (size_t i = 0; i < TAGS_MAX; i++)
		free(t->names[i]);
}

static int tags_make(const char *tag, const struct batch *b, struct tags *t, struct firn_error *err)
{
	static const char *const suffixes[TAGS_MAX] = {
		[TAG_INDEX] = "",
		[TAG_CHECKPOINT] = ".checkpoint",
		[TAG_ROOTFS] = ".rootfs",
	};
	const struct ingest *g = b->containers[0];
	const struct oci_descriptor *const descs[TAGS_MAX] = {
		[TAG_INDEX] = &b->index,
		[TAG_CHECKPOINT] = &g->checkpoint,
		[TAG_ROOTFS] = &g->rootfs,
	};

	for (size_t i = 0; i < TAGS_MAX; i++) {
		int rc;

		if (asprintf(&t->names[i], "%s%s", tag, suffixes[i]) < 0) {
			t->names[i] = NULL;
			return firn_fail_oom(err, "tag");
		}
		rc = ref_check_tag(t->names[i], err);
		if (rc < 0)
			return rc;
		t->entries[i] = (struct layout_entry){ .tag = t->names[i], .desc = descs[i] };
	}
	return 0;
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

/* The layout last: a checkpoint or base that isn't there leaves no folder behind. */
static int open_all(struct batch *b, const char *checkpoint, const struct ref *dest,
		    const struct firn_build_opts *opts, struct firn_error *err)
{
	struct ingest *g = NULL;
	int rc = batch_add(b, &g, err);

	if (rc < 0)
		return rc;
	g->container = opts->container;
	g->digest = opts->flags & FIRN_BUILD_SOURCE_DIGEST;
	g->notes.report = opts->report;
	if ((opts->upperdir && (rc = open_upper(g, opts->upperdir, err)) < 0) ||
	    (rc = input_open(checkpoint, g->digest, &g->input, err)) < 0 ||
	    (opts->base && (rc = batch_base(b, opts->base, &g->base, err)) < 0))
		return rc;
	return batch_open_layout(b, dest->path, err);
}

/* All the work that leaves no trace but unnamed blobs. */
static int prepare(struct batch *b, const char *checkpoint, struct firn_error *err)
{
	struct ingest *g = b->containers[0];
	char quoted[PATH_QUOTE_MAX];
	int rc = ingest_open(g, err);

	if (rc < 0)
		return rc;
	rc = ingest_members(g, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(checkpoint, quoted));
	rc = ingest_images(g, err);
	if (rc < 0)
		return rc;
	ingest_release(g);
	return batch_index(b, err);
}

static int build(struct batch *b, const char *checkpoint, const char *tag, bool replace,
		 struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(result_freep) struct firn_build_result *result = NULL;
	_cleanup_(tags_done) struct tags t = { .names = { NULL } };
	int rc = tags_make(tag, b, &t, err);

	if (rc < 0 ||
	    (!replace && (rc = layout_check_tags(b->layout, t.entries, TAGS_MAX, err)) < 0) ||
	    (rc = prepare(b, checkpoint, err)) < 0 || (rc = result_of(b, &result, err)) < 0)
		return rc;
	if (!b->containers[0]->rootfs.digest.alg)
		t.entries[TAG_ROOTFS].desc = NULL; /* not that of another checkpoint before */
	rc = layout_commit(b->layout, b->blobs.list, b->blobs.count, t.entries, TAGS_MAX, replace,
			   err);
	if (rc < 0)
		return rc;
	if (ret)
		*ret = take_ptr(&result);
	return 0;
}

static int take_opts(const struct firn_build_opts *given, struct firn_build_opts *ret,
		     struct firn_error *err)
{
	int rc = opts_take(given, ret, sizeof(*ret), err);

	if (rc == 0)
		rc = opts_check_flags(ret->flags, FIRN_BUILD_FORCE | FIRN_BUILD_SOURCE_DIGEST, err);
	if (rc == 0 && ret->container)
		rc = engine_check_name(ret->container, FIRN_EINVAL, err);
	return rc;
}

int firn_build(const char *checkpoint, const char *dest, const struct firn_build_opts *opts,
	       struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(batch_done) struct batch b = { .layout = NULL };
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct firn_build_opts all;
	int rc;

	if ((rc = take_opts(opts, &all, err)) < 0 || (rc = parse_dest(dest, &ref, err)) < 0 ||
	    (rc = open_all(&b, checkpoint, &ref, &all, err)) < 0)
		return rc;
	return build(&b, checkpoint, ref.tag, all.flags & FIRN_BUILD_FORCE, ret, err);
}
