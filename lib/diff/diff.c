/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diff/diff.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "diff/memory.h"
#include "diff/rootfs.h"
#include "diff/weight.h"
#include "look/inspect.h"
#include "remote/registry.h"

#include <stdlib.h>
#include <string.h>

#define KNOWN_FLAGS                                                                                \
	(FIRN_DIFF_ENVIRONMENT | FIRN_DIFF_CONTENT | FIRN_DIFF_NO_MEMORY | FIRN_DIFF_MOVED)

struct firn_difference {
	struct doc *doc;
	struct firn_value *top;
};

static void side_done(struct diff_side *s)
{
	doc_free(s->doc);
	diff_delta_done(&s->delta);
	pages_close(s->pages);
	members_close(s->members);
}

void diff_done(struct diff *d)
{
	side_done(&d->a);
	side_done(&d->b);
	free(d->pairs);
}

static void warn(const struct diff *d, const char *text)
{
	const struct firn_report *report = d->opts.report;

	if (report && report->warn)
		report->warn(text, report->ctx);
}

/* What is told of it, and its members left open. */
static int side_look(struct diff *d, struct diff_side *s, struct firn_error *err)
{
	const struct firn_inspect_opts how = {
		.size = sizeof(how),
		.flags = FIRN_INSPECT_ENVIRONMENT,
		.report = d->opts.report,
	};
	struct firn_value *list;
	const char *engine;
	int rc = doc_new(DIFF_SIDE_MAX, &s->doc, err);

	if (rc < 0)
		return rc;
	list = doc_list(s->doc);
	rc = inspect_look(s->members, &how, s->doc, list, err);
	if (rc < 0)
		return rc;
	s->container = firn_value_first(list);
	engine = firn_value_text(firn_value_get(s->container, "engine"));
	s->changeset = engine && strcmp(engine, "containerd") == 0;
	return 0;
}

static int look(struct diff *d, struct firn_error *err)
{
	struct diff_side *const sides[] = { &d->a, &d->b };
	char quoted[PATH_QUOTE_MAX];
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(sides); k++)
		rc = firn_wrap(err, side_look(d, sides[k], err), "%s",
			       path_quote(sides[k]->text, quoted));
	return rc;
}

static bool side_wants(const char *path, void *ctx)
{
	const struct diff_side *s = ctx;

	return (s->delta_packed && strcmp(path, ROOTFS_DELTA) == 0) ||
	       (s->pages && pages_wanted(path, s->pages));
}

/* More than can be compared ends nothing: the rest is compared. */
static int limit(struct diff_side *s, int rc, const struct firn_error *why, struct firn_error *err)
{
	if (rc == -FIRN_ELIMIT) {
		s->over = *why;
		return 0;
	}
	if (rc < 0 && err)
		*err = *why;
	return rc;
}

static int side_takes(const char *path, uint64_t size, struct istream *in, void *ctx,
		      struct firn_error *err)
{
	struct diff_side *s = ctx;
	struct firn_error why = { 0 };

	if (strcmp(path, ROOTFS_DELTA) == 0)
		return limit(s, diff_delta_add_stream(&s->delta, in, &why), &why, err);
	return pages_take(path, size, in, s->pages, err);
}

/* The delta, and what of the memory can't be read at any offset: in one pass. */
static int side_load(const struct diff *d, struct diff_side *s, struct firn_error *err)
{
	struct firn_error why = { 0 };
	int rc;

	s->delta.salt = d->salt;
	s->delta.content = d->opts.flags & FIRN_DIFF_CONTENT;
	s->delta.literal = !s->changeset;
	rc = limit(s, rootfs_load(s->members, &s->delta, &why), &why, err);
	s->delta_packed = rc > 0;
	if (rc >= 0 && (s->delta_packed || (s->pages && pages_packed(s->pages))))
		rc = members_pass(s->members, side_wants, side_takes, s, err);
	return rc < 0 ? rc : diff_delta_finish(&s->delta, err);
}

static int load(struct diff *d, struct pages_meter *meter, struct firn_error *err)
{
	struct diff_side *const sides[] = { &d->a, &d->b };
	char quoted[PATH_QUOTE_MAX];
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(sides); k++) {
		if (!(d->opts.flags & FIRN_DIFF_NO_MEMORY))
			rc = pages_open(sides[k]->members, meter, &sides[k]->pages, err);
		if (rc == 0 && sides[k]->pages)
			meter->total += pages_bytes(sides[k]->pages);
	}
	if (d->b.pages)
		meter->total += weigh_pages(d->b.members);
	if (d->a.pages && (d->opts.flags & FIRN_DIFF_MOVED))
		meter->total += weigh_pages(d->a.members) - pages_bytes(d->a.pages);
	for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(sides); k++)
		rc = firn_wrap(err, side_load(d, sides[k], err), "%s",
			       path_quote(sides[k]->text, quoted));
	return rc;
}

static void diff_rootfs(struct diff *d, struct rootfs_sums *ret)
{
	const struct diff_side *over = d->a.over.code ? &d->a : d->b.over.code ? &d->b : NULL;
	struct firn_value *v;

	if (over) {
		warn(d, "a filesystem delta is too large: they are not compared");
		v = doc_add_object(d->t.doc, d->t.top, "delta");
		doc_add_text(d->t.doc, v, "uncompared", over->over.msg);
		d->t.uncertain = true;
	} else {
		rootfs_compare(&d->a.delta, &d->b.delta, &d->t, ret);
	}
	diff_delta_done(&d->a.delta);
	diff_delta_done(&d->b.delta);
}

static int diff_memory(struct diff *d, struct pages_meter *meter, const struct rootfs_sums *rootfs,
		       struct firn_error *err)
{
	struct memory_sums memory = { 0 };
	struct firn_value *v;
	uint64_t images;
	int rc = memory_compare(d, d->a.pages, d->b.pages, meter, &memory, err);

	if (rc < 0)
		return rc;
	pages_meter_end(meter);
	images = weigh_images(d->b.members);
	v = doc_add_object(d->t.doc, d->t.top, "weight");
	doc_add_number(d->t.doc, v, "pages", memory.pages);
	doc_add_number(d->t.doc, v, "memory", memory.bytes);
	doc_add_number(d->t.doc, v, "filesystem", rootfs->bytes);
	doc_add_number(d->t.doc, v, "images", images);
	doc_add_number(d->t.doc, v, "total", memory.bytes + rootfs->bytes + images);
	return 0;
}

static int compare_told(struct diff *d, struct firn_error *err)
{
	int (*const parts[])(struct diff *, struct firn_error *) = {
		diff_world,
		diff_tasks,
		diff_files,
		diff_environment,
	};
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < ARRAY_SIZE(parts); k++) {
		rc = parts[k](d, err);
		if (rc == 0)
			rc = doc_check(d->t.doc, err);
	}
	/* What comes now needs the room. */
	d->a.doc = doc_free(d->a.doc);
	d->b.doc = doc_free(d->b.doc);
	return rc;
}

int diff_compare(struct diff *d, struct firn_error *err)
{
	struct pages_meter meter = { .report = d->opts.report, .what = "memory" };
	struct rootfs_sums sums = { 0 };
	int rc = look(d, err);

	d->salt = meter.salt = sip_key_new(d);
	if (rc == 0)
		rc = compare_told(d, err);
	if (rc == 0)
		rc = load(d, &meter, err);
	if (rc < 0)
		return rc;
	diff_rootfs(d, &sums);
	if (d->b.pages)
		rc = diff_memory(d, &meter, &sums, err);
	if (rc < 0)
		return rc;
	doc_add_bool(d->t.doc, d->t.top, "equal", !d->t.differs && !d->t.uncertain);
	if (d->t.uncertain)
		doc_add_bool(d->t.doc, d->t.top, "uncertain", true);
	return doc_check(d->t.doc, err);
}

static int side_open(struct diff_side *s, const char *container,
		     const struct registry_opts *registry, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = members_open_from(s->text, container, registry, &s->members, err);

	if (rc == 0 && !container && members_names(s->members)->n > 1)
		rc = firn_fail(err, FIRN_EINVAL, "has %zu containers: name one of them",
			       members_names(s->members)->n);
	return firn_wrap(err, rc, "%s", path_quote(s->text, quoted));
}

static int open_both(struct diff *d, struct firn_error *err)
{
	const char *a = d->opts.container_a;
	const char *b = d->opts.container_b ? d->opts.container_b : a;
	struct registry_opts registry;
	int rc = registry_opts_from(d->opts.registry, &registry, err);

	if (rc == 0)
		rc = side_open(&d->a, a, &registry, err);
	return rc < 0 ? rc : side_open(&d->b, b, &registry, err);
}

static void difference_freep(struct firn_difference **d)
{
	*d = firn_difference_free(*d);
}

int firn_diff(const char *a, const char *b, const struct firn_diff_opts *given,
	      struct firn_difference **ret, struct firn_error *err)
{
	_cleanup_(difference_freep) struct firn_difference *found = calloc(1, sizeof(*found));
	_cleanup_(diff_done) struct diff d = { .a.text = a, .b.text = b };
	int rc;

	if (!found)
		return firn_fail_oom(err, "diff");
	if ((rc = opts_take(given, &d.opts, sizeof(d.opts), err)) < 0 ||
	    (rc = opts_check_flags(d.opts.flags, KNOWN_FLAGS, err)) < 0 ||
	    (rc = doc_new(TELLER_DOC_MAX, &found->doc, err)) < 0)
		return rc;
	found->top = doc_object(found->doc);
	d.t.doc = found->doc;
	d.t.top = found->top;
	if ((rc = open_both(&d, err)) < 0 || (rc = diff_compare(&d, err)) < 0)
		return rc;
	*ret = take_ptr(&found);
	return 0;
}

struct firn_difference *firn_difference_free(struct firn_difference *d)
{
	if (d)
		doc_free(d->doc);
	free(d);
	return NULL;
}

const struct firn_value *firn_difference_value(const struct firn_difference *d)
{
	return d->top;
}
