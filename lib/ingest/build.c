/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firn/build.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "ingest/ingest.h"

#include <stdio.h>
#include <string.h>

enum { TAG_INDEX, TAG_CHECKPOINT, TAG_ROOTFS, TAGS_MAX };

struct firn_build_result {
	char index[DIGEST_TEXT_MAX], checkpoint[DIGEST_TEXT_MAX], rootfs[DIGEST_TEXT_MAX];
	char *container;
	const char *engine;
	uint64_t bytes;
	char **losses;
	size_t nlosses;
};

struct firn_build_result *firn_build_result_free(struct firn_build_result *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->nlosses; i++)
		free(r->losses[i]);
	free(r->losses);
	free(r->container);
	free(r);
	return NULL;
}

static void result_freep(struct firn_build_result **r)
{
	*r = firn_build_result_free(*r);
}

const char *firn_build_result_index(const struct firn_build_result *r)
{
	return r->index;
}

const char *firn_build_result_checkpoint(const struct firn_build_result *r)
{
	return r->checkpoint;
}

const char *firn_build_result_rootfs(const struct firn_build_result *r)
{
	return *r->rootfs ? r->rootfs : NULL;
}

const char *firn_build_result_container(const struct firn_build_result *r)
{
	return r->container;
}

const char *firn_build_result_engine(const struct firn_build_result *r)
{
	return r->engine;
}

uint64_t firn_build_result_bytes(const struct firn_build_result *r)
{
	return r->bytes;
}

size_t firn_build_result_losses(const struct firn_build_result *r)
{
	return r->nlosses;
}

const char *firn_build_result_loss(const struct firn_build_result *r, size_t i)
{
	return i < r->nlosses ? r->losses[i] : NULL;
}

/* Everything that the result borrows from @g is copied, so that failing leaves @g whole. */
static int result_of(const struct ingest *g, struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(result_freep) struct firn_build_result *r = calloc(1, sizeof(*r));
	const struct notes *n = &g->notes;

	if (!r)
		return firn_fail_oom(err, "result");
	r->engine = g->facts.engine->name;
	r->bytes = g->metadata.out.payload + g->images.out.payload + g->delta.out.payload;
	r->losses = calloc(n->nlosses + 1, sizeof(*r->losses));
	if (!r->losses)
		return firn_fail_oom(err, "result");
	for (; r->nlosses < n->nlosses; r->nlosses++) {
		r->losses[r->nlosses] = strdup(n->losses[r->nlosses]);
		if (!r->losses[r->nlosses])
			return firn_fail_oom(err, "result");
	}
	if (g->facts.container && !(r->container = strdup(g->facts.container)))
		return firn_fail_oom(err, "result");
	digest_text(&g->index.digest, r->index);
	digest_text(&g->checkpoint.digest, r->checkpoint);
	if (g->rootfs.digest.alg)
		digest_text(&g->rootfs.digest, r->rootfs);
	*ret = take_ptr(&r);
	return 0;
}

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

static int tags_make(const char *tag, const struct ingest *g, struct tags *t,
		     struct firn_error *err)
{
	static const char *const suffixes[TAGS_MAX] = {
		[TAG_INDEX] = "",
		[TAG_CHECKPOINT] = ".checkpoint",
		[TAG_ROOTFS] = ".rootfs",
	};
	const struct oci_descriptor *const descs[TAGS_MAX] = {
		[TAG_INDEX] = &g->index,
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

/* The layout last: a checkpoint or base that isn't there leaves no folder behind. */
static int open_all(struct ingest *g, const char *checkpoint, const struct ref *dest,
		    const struct firn_build_opts *opts, struct firn_error *err)
{
	int rc = input_open(checkpoint, g->digest, &g->input, err);

	if (rc < 0)
		return rc;
	if (opts->base) {
		rc = base_open(opts->base, &g->base, err);
		if (rc < 0)
			return firn_wrap(err, rc, "base %s", opts->base);
	}
	rc = layout_open(dest->path, LAYOUT_CREATE | LAYOUT_WRITE, &g->layout, err);
	if (rc < 0)
		return rc;
	g->store = layout_store(g->layout);
	return 0;
}

/* All the work that leaves no trace but unnamed blobs. */
static int prepare(struct ingest *g, const char *checkpoint, struct tags *t, bool replace,
		   struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if ((!replace && (rc = layout_check_tags(g->layout, t->entries, TAGS_MAX, err)) < 0) ||
	    (rc = ingest_open(g, err)) < 0)
		return rc;
	rc = ingest_members(g, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(checkpoint, quoted));
	return ingest_images(g, err);
}

static int build(struct ingest *g, const char *checkpoint, const char *tag, bool replace,
		 struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(result_freep) struct firn_build_result *result = NULL;
	_cleanup_(tags_done) struct tags t = { .names = { NULL } };
	int rc;

	if ((rc = tags_make(tag, g, &t, err)) < 0 ||
	    (rc = prepare(g, checkpoint, &t, replace, err)) < 0 ||
	    (rc = result_of(g, &result, err)) < 0)
		return rc;
	if (!g->rootfs.digest.alg)
		t.entries[TAG_ROOTFS].desc = NULL; /* not that of another checkpoint before */
	rc = layout_commit(g->layout, g->blobs.list, g->blobs.count, t.entries, TAGS_MAX, replace,
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
	_cleanup_(ingest_done) struct ingest g = { .input = NULL };
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct firn_build_opts all;
	int rc;

	if ((rc = take_opts(opts, &all, err)) < 0)
		return rc;
	g.container = all.container;
	g.digest = all.flags & FIRN_BUILD_SOURCE_DIGEST;
	g.notes.report = all.report;
	if ((rc = parse_dest(dest, &ref, err)) < 0 ||
	    (rc = open_all(&g, checkpoint, &ref, &all, err)) < 0)
		return rc;
	return build(&g, checkpoint, ref.tag, all.flags & FIRN_BUILD_FORCE, ret, err);
}
