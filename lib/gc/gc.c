/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/lock.h"
#include "base/opts.h"
#include "base/path.h"
#include "bytes/value.h"
#include "gc/mark.h"
#include "gc/retain.h"
#include "store/sweep.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#define GRACE_SECONDS 3600
#define LOCK_SECONDS  60
#define RESULT_MAX    (48u << 20) /* bytes of what is told: the digests of a million blobs */

struct firn_upkeep {
	struct doc *doc;
	struct firn_value *top;
};

struct firn_upkeep *firn_upkeep_free(struct firn_upkeep *u)
{
	if (u)
		doc_free(u->doc);
	free(u);
	return NULL;
}

static void upkeep_freep(struct firn_upkeep **u)
{
	*u = firn_upkeep_free(*u);
}

const struct firn_value *firn_upkeep_value(const struct firn_upkeep *u)
{
	return u->top;
}

static int upkeep_new(struct firn_upkeep **ret, struct firn_error *err)
{
	_cleanup_(upkeep_freep) struct firn_upkeep *u = calloc(1, sizeof(*u));
	int rc = u ? doc_new(RESULT_MAX, &u->doc, err) : firn_fail_oom(err, "result");

	if (rc < 0)
		return rc;
	u->top = doc_object(u->doc);
	*ret = take_ptr(&u);
	return 0;
}

static void tell_tags(struct firn_upkeep *u, const struct labels *gone)
{
	struct firn_value *list = doc_add_list(u->doc, u->top, "tags");

	for (size_t i = 0; i < gone->n; i++)
		doc_add_text(u->doc, list, NULL, gone->entries[i].tag);
}

/* One layout with its lock, to change its names. */
static int open_layout(const char *text, unsigned flags, struct ref *ret_ref, struct layout **ret,
		       struct firn_error *err)
{
	int rc = ref_parse(text, ret_ref, err);

	if (rc == 0 && ret_ref->transport != REF_OCI && ret_ref->transport != REF_PATH)
		return firn_fail(err, FIRN_EINVAL, "only a layout can be changed: oci:DIR");
	return rc < 0 ? rc : layout_open(ret_ref->path, flags, ret, err);
}

static int tag(const char *text, const char *name, bool force, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	_cleanup_(layout_closep) struct layout *l = NULL;
	_cleanup_(oci_descriptor_done) struct oci_descriptor desc = { 0 };
	_cleanup_(oci_index_done) struct oci_index image = { 0 };
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	_cleanup_(labels_done) struct labels given = { 0 };
	bool ours;
	int rc;

	if ((rc = open_layout(text, LAYOUT_WRITE, &ref, &l, err)) < 0 ||
	    (rc = layout_lock(l, err)) < 0 || (rc = layout_index(l, &index, err)) < 0 ||
	    (rc = layout_resolve(l, &ref, &desc, err)) < 0)
		return rc;
	ours = oci_is_index(desc.media_type) &&
	       image_load_index(layout_store(l), &desc, &image, NULL) == 0 &&
	       oci_annotation(image.json, ORG_FIRN_FORMAT);
	rc = labels_given(&given, ours ? &image : NULL, name, &desc, err);
	if (rc == 0)
		rc = labels_replaced(&given, layout_store(l), &index, name, &desc.digest, err);
	return rc < 0 ? rc : layout_tag(l, given.entries, given.n, force, err);
}

int firn_tag(const char *image, const char *name, int force, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = tag(image, name, force, err);

	return firn_wrap(err, rc, "tag: %s", path_quote(image, quoted));
}

/* The entries of @index that have @tag: tools take the first, but none may stay. */
static int find_gone(struct layout *l, const struct oci_index *index, const char *name,
		     struct labels *ret, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < index->nmanifests; i++) {
		const struct oci_descriptor *d = &index->manifests[i];
		const char *has = oci_annotation(d->json, OCI_REF_NAME);

		if (has && strcmp(has, name) == 0)
			rc = labels_gone(ret, layout_store(l), index, name, d, err);
	}
	if (rc == 0 && !ret->n)
		return firn_fail(err, FIRN_ENOTFOUND, "there is no such tag");
	return rc;
}

static int rm(const char *text, struct firn_upkeep *u, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	_cleanup_(layout_closep) struct layout *l = NULL;
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	_cleanup_(labels_done) struct labels gone = { 0 };
	int rc = open_layout(text, LAYOUT_WRITE, &ref, &l, err);

	if (rc == 0 && !ref.tag)
		return firn_fail(err, FIRN_EINVAL, "needs a tag: oci:DIR:TAG");
	if (rc < 0 || (rc = layout_lock(l, err)) < 0 || (rc = layout_index(l, &index, err)) < 0 ||
	    (rc = find_gone(l, &index, ref.tag, &gone, err)) < 0 ||
	    (rc = layout_tag(l, gone.entries, gone.n, true, err)) < 0)
		return rc;
	tell_tags(u, &gone);
	return doc_check(u->doc, err);
}

int firn_rm(const char *image, struct firn_upkeep **ret, struct firn_error *err)
{
	_cleanup_(upkeep_freep) struct firn_upkeep *u = NULL;
	char quoted[PATH_QUOTE_MAX];
	int rc = upkeep_new(&u, err);

	if (rc == 0)
		rc = rm(image, u, err);
	if (rc == 0 && ret)
		*ret = take_ptr(&u);
	return firn_wrap(err, rc, "rm: %s", path_quote(image, quoted));
}

/* Removing what nobody refers to. */
struct gc {
	struct firn_gc_opts opts;
	struct firn_upkeep *result;
	struct firn_value *removed;
	struct labels gone; /* tags that retention takes away */
	struct marks *marks;
	struct sweep *sweep;
	int64_t now; /* seconds since the epoch */
	uint64_t blobs, bytes, young_blobs, young_bytes, partial, partial_bytes;
};

static void gc_done(struct gc *g)
{
	labels_done(&g->gone);
	marks_free(g->marks);
	sweep_close(g->sweep);
}

static bool is_gone(const struct gc *g, const char *name)
{
	for (size_t i = 0; name && i < g->gone.n; i++)
		if (strcmp(g->gone.entries[i].tag, name) == 0)
			return true;
	return false;
}

/* Names go before blobs do, under the lock of every other change of names. */
static int retain(struct gc *g, const char *path, struct firn_error *err)
{
	const bool dry = g->opts.flags & FIRN_GC_DRY_RUN;
	_cleanup_(layout_closep) struct layout *l = NULL;
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc;

	if ((rc = layout_open(path, dry ? 0 : LAYOUT_WRITE, &l, err)) < 0 ||
	    (!dry && (rc = layout_lock(l, err)) < 0) || (rc = layout_index(l, &index, err)) < 0 ||
	    (rc = retain_find(&g->opts, layout_store(l), &index, g->now, &g->gone, err)) < 0)
		return rc;
	tell_tags(g->result, &g->gone);
	return dry || !g->gone.n ? 0 : layout_tag(l, g->gone.entries, g->gone.n, true, err);
}

static int mark(struct gc *g, const char *path, struct firn_error *err)
{
	_cleanup_(layout_closep) struct layout *l = NULL;
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc;

	if ((rc = layout_open(path, 0, &l, err)) < 0 || (rc = layout_index(l, &index, err)) < 0 ||
	    (rc = marks_new(false, &g->marks, err)) < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < index.nmanifests; i++) {
		const json_t *j = index.manifests[i].json;

		if (!is_gone(g, oci_annotation(j, OCI_REF_NAME)))
			rc = marks_add(g->marks, layout_store(l), j, err);
	}
	/* What index.json says besides its list: a subject, or what later versions may have. */
	json_object_del(index.json, "manifests");
	return rc < 0 ? rc : marks_add(g->marks, layout_store(l), index.json, err);
}

/* The inode's clock: nobody sets that one back, as skopeo does with the other for a file's content.
 */
static bool is_young(const struct gc *g, const struct stat *st)
{
	return st->st_ctim.tv_sec > g->now - (int64_t)g->opts.grace;
}

static int sweep_one(const struct digest *d, const struct stat *st, void *ctx,
		     struct firn_error *err)
{
	struct gc *g = ctx;
	const uint64_t bytes = (uint64_t)st->st_size;
	char text[DIGEST_TEXT_MAX];
	int rc = 0;

	if (marks_have(g->marks, d))
		return 0;
	if (is_young(g, st)) {
		g->young_blobs++;
		g->young_bytes += bytes;
		return 0;
	}
	if (!(g->opts.flags & FIRN_GC_DRY_RUN))
		rc = sweep_remove(g->sweep, d, err);
	if (rc < 0)
		return rc;
	g->blobs++;
	g->bytes += bytes;
	doc_add_text(g->result->doc, g->removed, NULL, digest_text(d, text));
	return 0;
}

static int sweep(struct gc *g, const char *path, struct firn_error *err)
{
	_fd_ int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (folder < 0)
		return firn_fail_errno(err, "open folder");
	/* In the order of layout_commit(): first the blobs, then the index. */
	if ((rc = sweep_open(folder, LOCK_SECONDS, &g->sweep, err)) < 0 ||
	    (rc = lock_wait(folder, LOCK_EXCLUSIVE, LOCK_SECONDS, err)) < 0 ||
	    (rc = mark(g, path, err)) < 0)
		return rc;
	g->removed = doc_add_list(g->result->doc, g->result->top, "removed");
	if ((rc = sweep_each(g->sweep, sweep_one, g, err)) < 0 ||
	    (rc = sweep_partial(g->sweep, folder, g->now - (int64_t)g->opts.grace,
				g->opts.flags & FIRN_GC_DRY_RUN, &g->partial, &g->partial_bytes,
				err)) < 0)
		return rc;
	return sweep_flush(g->sweep, err);
}

static void tell(const struct gc *g)
{
	struct doc *d = g->result->doc;
	struct firn_value *top = g->result->top;

	doc_add_number(d, top, "blobs", g->blobs);
	doc_add_number(d, top, "bytes", g->bytes);
	doc_add_number(d, top, "young_blobs", g->young_blobs);
	doc_add_number(d, top, "young_bytes", g->young_bytes);
	doc_add_number(d, top, "partial", g->partial);
	doc_add_number(d, top, "partial_bytes", g->partial_bytes);
	doc_add_number(d, top, "absent", marks_absent(g->marks));
}

static int take_opts(struct gc *g, const struct firn_gc_opts *given, struct firn_error *err)
{
	int rc = opts_take(given, &g->opts, sizeof(g->opts), err);

	if (rc == 0)
		rc = opts_check_flags(g->opts.flags, FIRN_GC_DRY_RUN | FIRN_GC_NO_GRACE, err);
	if (rc == 0 && (g->opts.grace > INT32_MAX || g->opts.keep_within > INT64_MAX))
		return firn_fail(err, FIRN_EINVAL, "an age of that many seconds");
	if (!g->opts.grace && !(g->opts.flags & FIRN_GC_NO_GRACE))
		g->opts.grace = GRACE_SECONDS;
	return rc;
}

static int gc(const char *text, const struct firn_gc_opts *given, struct gc *g,
	      struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct timespec now;
	int rc = take_opts(g, given, err);

	if (rc < 0 || (rc = ref_parse(text, &ref, err)) < 0)
		return rc;
	if ((ref.transport != REF_OCI && ref.transport != REF_PATH) || ref.tag || ref.digest.alg)
		return firn_fail(err, FIRN_EINVAL, "needs a whole layout: oci:DIR");
	clock_gettime(CLOCK_REALTIME, &now);
	/* A file that was made while this runs isn't old, whatever the grace. */
	g->now = now.tv_sec + (g->opts.grace == 0);
	if ((rc = retain(g, ref.path, err)) < 0 || (rc = sweep(g, ref.path, err)) < 0)
		return rc;
	tell(g);
	return doc_check(g->result->doc, err);
}

int firn_gc(const char *layout, const struct firn_gc_opts *opts, struct firn_upkeep **ret,
	    struct firn_error *err)
{
	_cleanup_(upkeep_freep) struct firn_upkeep *u = NULL;
	_cleanup_(gc_done) struct gc g = { 0 };
	char quoted[PATH_QUOTE_MAX];
	int rc = upkeep_new(&u, err);

	g.result = u;
	if (rc == 0)
		rc = gc(layout, opts, &g, err);
	if (rc == 0 && ret)
		*ret = take_ptr(&u);
	return firn_wrap(err, rc, "gc: %s", path_quote(layout, quoted));
}
