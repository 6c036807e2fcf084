/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/tags.h"

#include "base/fd.h"

#include <stdio.h>
#include <string.h>

static const char *const roles[] = { ORG_FIRN_ROLE_CHECKPOINT, ORG_FIRN_ROLE_ROOTFS };

void tags_done(struct tags *t)
{
	for (size_t i = 0; i < t->n; i++)
		free((char *)t->entries[i].tag);
	free(t->entries);
	*t = (struct tags){ 0 };
}

/* Takes @tag, also on failure. */
static int add(struct tags *t, char *tag, const struct oci_descriptor *desc, struct firn_error *err)
{
	_free_ char *owned = tag;
	int rc;

	if (!owned)
		return firn_fail_oom(err, "tag");
	rc = ref_check_tag(owned, err);
	if (rc < 0)
		return rc;
	if (t->n == t->room) {
		const size_t room = t->room ? 2 * t->room : 8;
		struct layout_entry *more = reallocarray(t->entries, room, sizeof(*more));

		if (!more)
			return firn_fail_oom(err, "tag");
		t->entries = more;
		t->room = room;
	}
	t->entries[t->n++] = (struct layout_entry){ .tag = take_ptr(&owned), .desc = desc };
	return 0;
}

/* TAG.ROLE or TAG.NAME.ROLE; NULL when out of memory. */
static char *image_tag(const char *tag, const char *name, const char *role)
{
	char *text;
	const int rc = name ? asprintf(&text, "%s.%s.%s", tag, name, role)
			    : asprintf(&text, "%s.%s", tag, role);

	return rc < 0 ? NULL : text;
}

int tags_make(struct tags *t, const char *tag, const struct batch *b, struct firn_error *err)
{
	int rc = add(t, strdup(tag), &b->index, err);

	for (size_t i = 0; rc >= 0 && i < b->ncontainers; i++) {
		const struct ingest *g = b->containers[i];
		const char *name = b->ncontainers > 1 ? g->container : NULL;

		rc = add(t, image_tag(tag, name, roles[0]), &g->checkpoint, err);
		if (rc >= 0)
			rc = add(t, image_tag(tag, name, roles[1]), &g->rootfs, err);
	}
	return rc;
}

static bool has(const struct tags *t, const char *tag)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->entries[i].tag, tag) == 0)
			return true;
	return false;
}

/* The digest that the layout has under @tag; false when there is none. */
static bool find(struct layout *l, const char *tag, struct oci_descriptor *ret)
{
	const struct ref ref = { .transport = REF_OCI, .tag = (char *)tag };

	return layout_resolve(l, &ref, ret, NULL) >= 0;
}

/* Only a name that still means this image is ours to take away. */
static int add_gone(struct tags *t, char *tag, struct layout *l, const struct digest *was,
		    struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor now = { 0 };
	_free_ char *owned = tag;

	if (!owned)
		return firn_fail_oom(err, "tag");
	if (has(t, owned) || ref_check_tag(owned, NULL) < 0 || !find(l, owned, &now) ||
	    !digest_equal(&now.digest, was))
		return 0;
	return add(t, take_ptr(&owned), NULL, err);
}

int tags_add_replaced(struct tags *t, const char *tag, struct layout *l, struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor desc = { 0 };
	_cleanup_(oci_index_done) struct oci_index old = { 0 };
	int rc = 0;

	/* Whatever it is: what can't be read has no names that we know of. */
	if (!find(l, tag, &desc) || !oci_is_index(desc.media_type) ||
	    image_load_index(layout_store(l), &desc, &old, NULL) < 0)
		return 0;
	for (size_t i = 0; rc >= 0 && i < old.nmanifests; i++) {
		const struct oci_descriptor *m = &old.manifests[i];
		const char *role = oci_annotation(m->json, ORG_FIRN_ROLE);
		const char *name = oci_annotation(m->json, ORG_FIRN_CONTAINER);

		if (!role)
			continue;
		rc = add_gone(t, image_tag(tag, NULL, role), l, &m->digest, err);
		if (rc >= 0 && name)
			rc = add_gone(t, image_tag(tag, name, role), l, &m->digest, err);
	}
	return rc;
}

void tags_drop_absent(struct tags *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i].desc && !t->entries[i].desc->digest.alg)
			t->entries[i].desc = NULL;
}
