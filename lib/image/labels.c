/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/labels.h"

#include "base/fd.h"

#include <stdio.h>
#include <string.h>

static void entry_free(const struct layout_entry *e)
{
	struct oci_descriptor *desc = (struct oci_descriptor *)e->desc;

	if (desc)
		oci_descriptor_done(desc);
	free(desc);
	free((char *)e->tag);
}

void labels_done(struct labels *n)
{
	for (size_t i = 0; i < n->n; i++)
		entry_free(&n->entries[i]);
	free(n->entries);
	*n = (struct labels){ 0 };
}

/* @desc with @json; NULL when out of memory. */
static struct oci_descriptor *copy_desc(const struct oci_descriptor *desc, json_t *json)
{
	struct oci_descriptor *copy = malloc(sizeof(*copy));

	if (copy) {
		*copy = *desc;
		copy->json = json_incref(json);
	}
	return copy;
}

static bool has(const struct labels *n, const char *tag)
{
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->entries[i].tag, tag) == 0)
			return true;
	return false;
}

static int grow(struct labels *n, struct firn_error *err)
{
	const size_t room = n->room ? 2 * n->room : 8;
	struct layout_entry *more = reallocarray(n->entries, room, sizeof(*more));

	if (!more)
		return firn_fail_oom(err, "tag");
	n->entries = more;
	n->room = room;
	return 0;
}

/* @desc NULL: the tag is to go. */
static int add(struct labels *n, const char *tag, const struct oci_descriptor *desc, json_t *json,
	       struct firn_error *err)
{
	struct layout_entry e;
	int rc = 0;

	if (has(n, tag))
		return 0;
	if (n->n == OCI_MANIFESTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d tags", OCI_MANIFESTS_MAX);
	if (n->n == n->room)
		rc = grow(n, err);
	if (rc < 0)
		return rc;
	e = (struct layout_entry){
		.tag = strdup(tag),
		.desc = desc ? copy_desc(desc, json) : NULL,
	};
	if (!e.tag || (desc && !e.desc)) {
		entry_free(&e);
		return firn_fail_oom(err, "tag");
	}
	n->entries[n->n++] = e;
	return 0;
}

static size_t count_checkpoints(const struct oci_index *image)
{
	size_t n = 0;

	for (size_t i = 0; i < image->nmanifests; i++) {
		const char *role = oci_annotation(image->manifests[i].json, ORG_FIRN_ROLE);

		n += role && strcmp(role, ORG_FIRN_ROLE_CHECKPOINT) == 0;
	}
	return n;
}

static int give_role(struct labels *n, const char *tag, const struct oci_descriptor *m,
		     bool several, struct firn_error *err)
{
	const char *role = oci_annotation(m->json, ORG_FIRN_ROLE);
	const char *container = oci_annotation(m->json, ORG_FIRN_CONTAINER);
	_free_ char *text = NULL;
	int rc;

	/* The checkpoint's own file has no name. */
	if (!role || (strcmp(role, ORG_FIRN_ROLE_CHECKPOINT) != 0 &&
		      strcmp(role, ORG_FIRN_ROLE_ROOTFS) != 0))
		return 0;
	rc = several && container ? asprintf(&text, "%s.%s.%s", tag, container, role)
				  : asprintf(&text, "%s.%s", tag, role);
	if (rc < 0) {
		text = NULL;
		return firn_fail_oom(err, "tag");
	}
	return add(n, text, m, NULL, err);
}

int labels_given(struct labels *n, const struct oci_index *image, const char *tag,
		 const struct oci_descriptor *desc, struct firn_error *err)
{
	const bool several = image && count_checkpoints(image) > 1;
	int rc = add(n, tag, desc, desc->json, err);

	for (size_t i = 0; rc == 0 && image && i < image->nmanifests; i++)
		rc = give_role(n, tag, &image->manifests[i], several, err);
	return rc;
}

/* Whether @d is one of @given under its name there. */
static bool is_given(const struct labels *given, const char *tag, const struct digest *d)
{
	for (size_t i = 0; tag && i < given->n; i++)
		if (strcmp(given->entries[i].tag, tag) == 0)
			return digest_equal(&given->entries[i].desc->digest, d);
	return false;
}

int labels_gone(struct labels *n, struct store *s, const struct oci_index *index, const char *tag,
		const struct oci_descriptor *desc, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index image = { 0 };
	_cleanup_(labels_done) struct labels given = { 0 };
	int rc = add(n, tag, NULL, NULL, err);

	/* What can't be read has no names that we know of, and loses its own all the same. */
	if (rc < 0 || !oci_is_index(desc->media_type) ||
	    image_load_index(s, desc, &image, NULL) < 0)
		return rc;
	rc = labels_given(&given, &image, tag, desc, err);
	for (size_t i = 0; rc == 0 && i < index->nmanifests; i++) {
		const struct oci_descriptor *m = &index->manifests[i];
		const char *other = oci_annotation(m->json, OCI_REF_NAME);

		if (is_given(&given, other, &m->digest))
			rc = add(n, other, NULL, NULL, err);
	}
	return rc;
}

int labels_replaced(struct labels *given, struct store *s, const struct oci_index *index,
		    const char *tag, const struct digest *now, struct firn_error *err)
{
	for (size_t i = 0; i < index->nmanifests; i++) {
		const struct oci_descriptor *d = &index->manifests[i];
		const char *has = oci_annotation(d->json, OCI_REF_NAME);

		/* Tools take the first of a tag. */
		if (has && strcmp(has, tag) == 0)
			return digest_equal(&d->digest, now)
				   ? 0
				   : labels_gone(given, s, index, tag, d, err);
	}
	return 0;
}
