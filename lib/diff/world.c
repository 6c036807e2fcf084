/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the two come from, and what was mounted. */
#include "diff/diff.h"

#include "base/fd.h"
#include "diff/items.h"

/* Of archives and folders some is never known, such as the digest of the base. */
static const struct field origin_fields[] = {
	{ .name = "container_name", .flags = FIELD_IF_KNOWN },
	{ .name = "id", .flags = FIELD_IF_KNOWN },
	{ .name = "image", .flags = FIELD_IF_KNOWN },
	{ "base", "id", "image_id", FIELD_IF_KNOWN },
	{ "base", "ref", "image_ref", FIELD_IF_KNOWN },
	{ "base", "digest", "image_digest", FIELD_IF_KNOWN },
	{ .name = "engine" },
	{ .name = "runtime", .flags = FIELD_IF_KNOWN },
	{ .name = "created", .flags = FIELD_IF_KNOWN },
	{ .name = "checkpointed", .flags = FIELD_IF_KNOWN },
	{ .name = "hostname" },
	{ .name = "ip" },
	{ .name = "mac" },
	{ "metadata", "pod_name", NULL, 0 },
	{ "metadata", "kubernetes_namespace", NULL, 0 },
	{ "metadata", "pod_uid", NULL, 0 },
	{ "host", "architecture", NULL, FIELD_IF_KNOWN },
	{ "host", "kernel", NULL, FIELD_IF_KNOWN },
	{ "host", "criu_version", NULL, FIELD_IF_KNOWN },
	{ "criu", "image_version", NULL, 0 },
	{ "criu", "lsm", NULL, 0 },
	{ "criu", "tcp_closed", NULL, 0 },
	{ "criu", "parent", "parent_dump", 0 },
};

static const struct field mount_about[] = { { .name = "destination" },
					    { .name = "type" },
					    { .name = "source" } };
static const struct field mount_fields[] = { { .name = "type" },
					     { .name = "source" },
					     { .name = "options" } };
static const struct field point_about[] = { { .name = "mountpoint" },
					    { .name = "type" },
					    { .name = "source" } };
static const struct field point_fields[] = {
	{ .name = "type" },    { .name = "source" },    { .name = "root" },
	{ .name = "options" }, { .name = "read_only" }, { .name = "external" },
};

static void tell_side(struct diff *d, const char *name, const struct diff_side *s)
{
	static const struct field fields[] = {
		{ .name = "container_name" }, { .name = "id" },           { .name = "image" },
		{ .name = "engine" },         { .name = "checkpointed" }, { .name = "processes" },
	};
	struct firn_value *v = doc_add_object(d->t.doc, d->t.top, name);

	doc_add_text(d->t.doc, v, "checkpoint", s->text);
	fields_copy(&d->t, v, fields, ARRAY_SIZE(fields), s->container);
}

static int load(const struct firn_value *list, const char *key, struct diff_items *ret,
		struct firn_error *err)
{
	int rc = 0;

	for (const struct firn_value *v = firn_value_first(list); rc == 0 && v;
	     v = firn_value_next(v))
		rc = diff_items_add(ret, 0, firn_value_text(firn_value_get(v, key)), v, err);
	diff_items_sort(ret);
	return rc;
}

void diff_take_items(const struct firn_value *a, const struct firn_value *b, void *ctx)
{
	const struct diff_merge *m = ctx;
	const struct diff_kind *k = m->kind;
	const enum change how = !a ? CHANGE_NEW : !b ? CHANGE_GONE : CHANGE_CHANGED;
	struct firn_value *v;

	if (a && b && !fields_differ(k->fields, k->nfields, a, b)) {
		m->section->equal++;
		return;
	}
	v = section_entry(m->section, how);
	if (m->pair)
		diff_tell_pair(m->diff, v, m->pair);
	fields_copy(&m->diff->t, v, k->about, k->nabout, b ? b : a);
	if (how == CHANGE_CHANGED)
		fields_tell(&m->diff->t, v, "changes", k->fields, k->nfields, a, b);
}

static int diff_mounts(struct diff *d, const char *name, const char *key,
		       const struct diff_kind *kind, struct firn_error *err)
{
	_cleanup_(diff_items_done) struct diff_items a = { 0 }, b = { 0 };
	struct section s = section_begin(&d->t, name);
	struct diff_merge m = { .diff = d, .section = &s, .kind = kind };
	int rc;

	if ((rc = load(firn_value_get(d->a.container, name), key, &a, err)) < 0 ||
	    (rc = load(firn_value_get(d->b.container, name), key, &b, err)) < 0)
		return rc;
	diff_items_merge(&a, &b, diff_take_items, &m);
	section_end(&s);
	return 0;
}

int diff_world(struct diff *d, struct firn_error *err)
{
	static const struct diff_kind mounts = { mount_about, ARRAY_SIZE(mount_about), mount_fields,
						 ARRAY_SIZE(mount_fields) };
	static const struct diff_kind points = { point_about, ARRAY_SIZE(point_about), point_fields,
						 ARRAY_SIZE(point_fields) };
	int rc;

	tell_side(d, "a", &d->a);
	tell_side(d, "b", &d->b);
	fields_tell(&d->t, d->t.top, "origin", origin_fields, ARRAY_SIZE(origin_fields),
		    d->a.container, d->b.container);
	d->t.differs |= !value_empty(firn_value_get(d->t.top, "origin"));
	rc = diff_mounts(d, "mounts", "destination", &mounts, err);
	return rc < 0 ? rc : diff_mounts(d, "mountpoints", "mountpoint", &points, err);
}
