/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "bytes/frame_pool.h"
#include "bytes/value.h"
#include "copy/door.h"
#include "copy/pump.h"

#include <string.h>

#define RESULT_MAX (8u << 20) /* bytes of what is told: ten thousand tags */
#define FORMS      (FIRN_COPY_COMPRESS | FIRN_COPY_DECOMPRESS)
#define ONLY       (FIRN_COPY_ONLY_CHECKPOINT | FIRN_COPY_ONLY_ROOTFS)

struct firn_copy_result {
	struct doc *doc;
	struct firn_value *top;
};

struct firn_copy_result *firn_copy_result_free(struct firn_copy_result *r)
{
	if (r)
		doc_free(r->doc);
	free(r);
	return NULL;
}

const struct firn_value *firn_copy_result_value(const struct firn_copy_result *r)
{
	return r->top;
}

/* One call. */
struct copy {
	struct firn_copy_opts opts;
	struct from from;
	struct roots roots;
	struct ref dest;
	struct to *to;
	struct plan plan;
	struct moved moved;
};

static void copy_done(struct copy *c)
{
	if (c->from.door)
		door_drop_blobs(c->from.door); /* they are the destination's */
	if (c->to)
		c->to->ops->close(c->to); /* it borrows from all the others */
	plan_done(&c->plan);
	roots_done(&c->roots);
	from_done(&c->from);
	ref_done(&c->dest);
}

static int check_forms(const struct firn_copy_opts *o, struct firn_error *err)
{
	if ((o->flags & FORMS) == FORMS)
		return firn_fail(err, FIRN_EINVAL, "compress, and decompress");
	return frame_pool_check(o->level, o->threads, err);
}

static int take_opts(struct copy *c, const struct firn_copy_opts *given, struct firn_error *err)
{
	const unsigned all = FIRN_COPY_FORCE | FIRN_COPY_ALL_TAGS | ONLY | FORMS;
	int rc = opts_take(given, &c->opts, sizeof(c->opts), err);

	if (rc == 0)
		rc = opts_check_flags(c->opts.flags, all, err);
	if (rc == 0 && c->opts.jobs > PUMP_JOBS_MAX)
		return firn_fail(err, FIRN_EINVAL, "more than %d blobs at once", PUMP_JOBS_MAX);
	if (rc == 0 && (c->opts.flags & ONLY) == ONLY)
		return firn_fail(err, FIRN_EINVAL, "only the checkpoint, and only the rootfs");
	if (rc == 0 && c->opts.flags & ONLY && c->opts.flags & FIRN_COPY_ALL_TAGS)
		return firn_fail(err, FIRN_EINVAL, "all tags, and only one part of an image");
	return rc < 0 ? rc : check_forms(&c->opts, err);
}

static int parse_dest(struct copy *c, const char *dest, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = ref_parse(dest, &c->dest, err);

	if (rc < 0)
		return rc;
	if (c->dest.transport == REF_PATH)
		return firn_fail(
		    err, FIRN_EINVAL,
		    "%s: the destination has to be oci:DIR[:TAG], "
		    "oci-archive:FILE[:TAG], dir:DIR or docker://HOST/REPOSITORY[:TAG]",
		    path_quote(dest, quoted));
	if (c->dest.digest.alg)
		return firn_fail(err, FIRN_EINVAL, "%s: a destination has a tag, not a digest",
				 path_quote(dest, quoted));
	if (c->dest.tag && c->opts.flags & FIRN_COPY_ALL_TAGS)
		return firn_fail(err, FIRN_EINVAL, "%s: all tags, and one of the destination",
				 path_quote(dest, quoted));
	return 0;
}

/* The part of a checkpoint image that was asked for takes its place. */
static int narrow(struct copy *c, struct root *r, struct firn_error *err)
{
	const char *want = c->opts.flags & FIRN_COPY_ONLY_CHECKPOINT ? ORG_FIRN_ROLE_CHECKPOINT
								     : ORG_FIRN_ROLE_ROOTFS;
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	const struct oci_descriptor *found = NULL;
	_free_ char *text = NULL;
	size_t len, n = 0;
	int rc;

	if (!oci_is_index(r->desc.media_type))
		return firn_fail(err, FIRN_EINVAL, "is no checkpoint image: has no parts");
	if ((rc = from_document(&c->from, &r->desc, &text, &len, err)) < 0 ||
	    (rc = oci_index_parse(text, len, &index, err)) < 0)
		return rc;
	for (size_t i = 0; i < index.nmanifests; i++) {
		const char *role = oci_annotation(index.manifests[i].json, ORG_FIRN_ROLE);

		if (role && strcmp(role, want) == 0 && n++ == 0)
			found = &index.manifests[i];
	}
	if (n == 0)
		return firn_fail(err, FIRN_ENOTFOUND, "has no %s image", want);
	if (n > 1)
		return firn_fail(err, FIRN_EINVAL,
				 "has %zu %s images: copy the one under its own tag or digest", n,
				 want);
	oci_descriptor_done(&r->desc);
	r->desc = *found;
	json_incref(r->desc.json);
	return 0;
}

/* Under which names they will be. */
static int name_roots(struct copy *c, struct firn_error *err)
{
	const struct to_ops *ops = c->to->ops;
	struct root *first = c->roots.list;

	if (c->dest.tag || (ops->tag == TAG_LATEST && !(c->opts.flags & FIRN_COPY_ALL_TAGS))) {
		free(first->tag);
		first->tag = strdup(c->dest.tag ? c->dest.tag : REGISTRY_TAG);
		return first->tag ? 0 : firn_fail_oom(err, "tag");
	}
	for (size_t i = 0; i < c->roots.n; i++) {
		struct root *r = &c->roots.list[i];

		if (ops->tag == TAG_NEEDED && !r->tag)
			return firn_fail(err, FIRN_EINVAL,
					 "the destination needs a tag: the source has none");
		if (ops->tag == TAG_NONE) {
			free(r->tag);
			r->tag = NULL;
		}
	}
	return 0;
}

static int open_dest(struct copy *c, struct firn_error *err)
{
	const bool force = c->opts.flags & FIRN_COPY_FORCE;
	int rc;

	if (c->dest.transport == REF_OCI)
		rc = to_layout_open(c->dest.path, &c->to, err);
	else if (c->dest.transport == REF_DOCKER)
		rc = to_registry_open(&c->dest, c->opts.dest_registry, &c->to, err);
	else if (c->dest.transport == REF_OCI_ARCHIVE)
		rc = to_archive_open(c->dest.path, force, &c->to, err);
	else
		rc = to_dir_open(c->dest.path, force, &c->to, err);
	if (rc < 0)
		return rc;
	c->to->from = &c->from;
	c->to->plan = &c->plan;
	c->to->force = force;
	return 0;
}

static int find_roots(struct copy *c, struct firn_error *err)
{
	int rc = c->opts.flags & FIRN_COPY_ALL_TAGS ? from_all(&c->from, &c->roots, err)
						    : from_root(&c->from, &c->roots, err);

	if (rc == 0 && c->opts.flags & ONLY)
		rc = narrow(c, &c->roots.list[0], err);
	return rc;
}

static int make_plan(struct copy *c, struct firn_error *err)
{
	const bool alone = c->opts.flags & ONLY;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->roots.n; i++)
		rc = plan_add(&c->plan, &c->from, &c->roots.list[i].desc, alone, err);
	return rc;
}

static bool dest_has(void *ctx, const struct digest *d, uint64_t size)
{
	struct to *to = ctx;

	return to->ops->has && to->ops->has(to, d, size, NULL) > 0;
}

/* The images become others; what is to be copied is then found anew. */
static int change_forms(struct copy *c, struct firn_error *err)
{
	const struct door_opts opts = {
		.unpack = c->opts.flags & FIRN_COPY_DECOMPRESS,
		.prove = c->to->trusting,
		.into = c->to->store,
		.state = c->opts.state,
		.look = dest_has,
		.ctx = c->to,
		.level = c->opts.level,
		.threads = c->opts.threads,
		.tmp = c->opts.tmp ? c->opts.tmp : c->to->tmp,
		.report = c->opts.report,
	};
	struct door *d = NULL;
	int rc;

	if (!(c->opts.flags & FORMS))
		return 0;
	rc = door_new(&opts, &c->from, &d, err);
	for (size_t i = 0; rc == 0 && i < c->roots.n; i++)
		rc = door_take(d, &c->roots.list[i].desc, err);
	if (rc < 0) {
		door_free(d);
		return rc;
	}
	c->from.door = d;
	plan_done(&c->plan);
	return make_plan(c, err);
}

static void warn_skipped(const struct copy *c)
{
	const struct firn_report *r = c->opts.report;
	char text[128];

	if (!c->plan.nskipped || !r || !r->warn)
		return;
	snprintf(text, sizeof(text),
		 "%zu images or blobs that are referred to are not at the source",
		 c->plan.nskipped);
	r->warn(text, r->ctx);
}

static int run(struct copy *c, const char *source, const char *dest, struct firn_error *err)
{
	int rc;

	if ((rc = parse_dest(c, dest, err)) < 0)
		return rc;
	rc = from_open(source, c->opts.source_registry, &c->from, err);
	if (rc == 0)
		rc = find_roots(c, err);
	if (rc == 0)
		rc = make_plan(c, err);
	if (rc < 0)
		return firn_wrap(err, rc, "source");
	warn_skipped(c);
	if ((rc = open_dest(c, err)) < 0 || (rc = name_roots(c, err)) < 0)
		return firn_wrap(err, rc, "destination");
	if ((rc = change_forms(c, err)) < 0)
		return firn_wrap(err, rc, "source");
	if ((rc = c->to->ops->check(c->to, &c->roots, err)) < 0)
		return firn_wrap(err, rc, "destination");
	rc = pump_run(&c->from, c->to, &c->plan, &c->opts, &c->moved, err);
	return rc < 0 ? rc : c->to->ops->finish(c->to, &c->roots, err);
}

static void result_freep(struct firn_copy_result **r)
{
	*r = firn_copy_result_free(*r);
}

static int tell(const struct copy *c, struct firn_copy_result **ret, struct firn_error *err)
{
	_cleanup_(result_freep) struct firn_copy_result *r = calloc(1, sizeof(*r));
	char text[DIGEST_TEXT_MAX];
	struct firn_value *list;
	int rc = r ? doc_new(RESULT_MAX, &r->doc, err) : firn_fail_oom(err, "result");

	if (rc < 0)
		return rc;
	r->top = doc_object(r->doc);
	list = doc_add_list(r->doc, r->top, "images");
	for (size_t i = 0; i < c->roots.n; i++) {
		struct firn_value *image = doc_add_object(r->doc, list, NULL);

		doc_add_text(r->doc, image, "digest",
			     digest_text(&c->roots.list[i].desc.digest, text));
		doc_add_text(r->doc, image, "tag", c->roots.list[i].tag);
	}
	doc_add_number(r->doc, r->top, "blobs", c->moved.blobs);
	doc_add_number(r->doc, r->top, "bytes", c->moved.bytes);
	doc_add_number(r->doc, r->top, "present_blobs", c->moved.present_blobs);
	doc_add_number(r->doc, r->top, "present_bytes", c->moved.present_bytes);
	doc_add_number(r->doc, r->top, "skipped", c->plan.nskipped);
	if ((rc = doc_check(r->doc, err)) < 0)
		return rc;
	*ret = take_ptr(&r);
	return 0;
}

int firn_copy(const char *source, const char *dest, const struct firn_copy_opts *opts,
	      struct firn_copy_result **ret, struct firn_error *err)
{
	_cleanup_(copy_done) struct copy c = { 0 };
	char quoted[PATH_QUOTE_MAX];
	int rc = take_opts(&c, opts, err);

	if (rc == 0)
		rc = run(&c, source, dest, err);
	if (rc == 0 && ret)
		rc = tell(&c, ret, err);
	return firn_wrap(err, rc, "copy: %s", path_quote(source, quoted));
}
