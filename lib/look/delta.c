/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The filesystem delta in numbers; with its base, what of it is new there. */
#include "look/inspect.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/annotations.h"
#include "format/checkpoint.h"
#include "format/indexed.h"
#include "format/packed.h"
#include "look/delta.h"

#include <stdio.h>
#include <string.h>

/* A compressed delta above this isn't unpacked just to be counted. */
#define DELTA_PACKED_MAX (256ull << 20)

ssize_t inspect_find_delta(const struct image *rootfs)
{
	for (size_t k = 0; k < rootfs->manifest.nlayers; k++) {
		const char *role = image_layer_role(rootfs, k);

		if (role && strcmp(role, ORG_FIRN_LAYER_DELTA) == 0)
			return (ssize_t)k;
	}
	return -1;
}

static int open_delta(struct inspect *i, struct source **ret, struct firn_error *err)
{
	const struct checkpoint_image *image = members_image(i->members);
	const ssize_t layer = image ? inspect_find_delta(&image->rootfs) : -1;
	const struct oci_descriptor *d;
	int rc;

	if (!image)
		return members_source(i->members, CHECKPOINT_ROOTFS, ret, err);
	if (layer < 0)
		return 0;
	d = &image->rootfs.manifest.layers[layer];
	rc = store_has(members_store(i->members), &d->digest, NULL, err);
	if (rc > 0)
		rc = store_open(members_store(i->members), &d->digest, ret, err) ?: 1;
	return rc;
}

int inspect_open_delta(struct inspect *i, struct source **ret, struct firn_error *err)
{
	int rc = open_delta(i, ret, err);

	if (rc > 0 && members_image(i->members))
		(void)packed_open(ret);
	return rc;
}

int inspect_delta_tree(struct inspect *i, uint32_t max, struct tree **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	if (!members_remote(i->members) || !members_image(i->members))
		return 0;
	rc = open_delta(i, &src, err);
	return rc <= 0 ? rc : indexed_open(&src, max, ret, err);
}

/* 1 when it was counted that way, or is too large for it. */
static int count_indexed(struct inspect *i, struct tally *ret, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	int rc = inspect_delta_tree(i, INDEXED_MAX, &tree, err);

	if (rc == -FIRN_ELIMIT) {
		inspect_warn(i, "the filesystem delta has too many files: they are not counted");
		return 1;
	}
	if (rc <= 0)
		return rc;
	rc = tally_tree(tree, ret, err);
	return rc < 0 ? rc : 1;
}

static bool is_packed(struct source *src)
{
	uint8_t block[512];
	bool zeros = true;

	/* A tar's first block has its magic at 257, or is the end's. */
	if (source_read_at(src, block, sizeof(block), 0, NULL) < 0)
		return true;
	for (size_t k = 0; k < sizeof(block); k++)
		zeros &= block[k] == 0;
	return !zeros && memcmp(block + 257, "ustar", 5) != 0;
}

static int count_delta(struct inspect *i, struct tally *ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	if (members_tally(i->members)->counted)
		return 0;
	rc = count_indexed(i, ret, err);
	if (rc != 0)
		return rc < 0 ? firn_wrap(err, rc, "filesystem delta") : 0;
	rc = inspect_open_delta(i, &src, err);
	if (rc <= 0)
		return rc;
	if (src->size > DELTA_PACKED_MAX && is_packed(src)) {
		inspect_warn(i, "the filesystem delta is compressed and large: it is not counted");
		return 0;
	}
	return firn_wrap(err, tally_source(src, i->changeset, ret, err), "filesystem delta");
}

static int read_deleted(struct inspect *i, struct deleted *ret, struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t len;
	int rc =
	    members_read(i->members, CHECKPOINT_DELETIONS, DELETED_BYTES_MAX, &text, &len, err);

	if (rc > 0)
		rc = deleted_parse(text, len, ret, err);
	return firn_wrap(err, rc, "%s", CHECKPOINT_DELETIONS);
}

static void tell_loss(struct inspect *i, struct firn_value *to)
{
	const struct checkpoint_image *image = members_image(i->members);
	const char *text =
	    image ? oci_annotation(image->checkpoint.manifest.json, ORG_FIRN_LOSS) : NULL;
	_json_ json_t *losses = NULL;
	struct firn_value *list;
	size_t k;
	json_t *l;

	if (!text || json_parse(text, strlen(text), &losses, NULL) < 0)
		return;
	list = doc_add_list(i->doc, to, "loss");
	json_array_foreach (losses, k, l)
		doc_add_text(i->doc, list, NULL, json_string_value(l));
}

static void tell_kinds(struct inspect *i, struct firn_value *to, const char *name,
		       const struct delta_kinds *k)
{
	struct firn_value *v = doc_add_object(i->doc, to, name);

	doc_add_number(i->doc, v, "files", k->files);
	doc_add_number(i->doc, v, "folders", k->folders);
	doc_add_number(i->doc, v, "links", k->links);
	doc_add_number(i->doc, v, "others", k->others);
	doc_add_number(i->doc, v, "bytes", k->bytes);
}

static void tell_split(struct inspect *i, struct firn_value *to, const struct delta_split *s)
{
	struct firn_value *v;

	if (*s->why) {
		doc_add_text(i->doc, to, "not_split", s->why);
		return;
	}
	tell_kinds(i, to, "added", &s->added);
	tell_kinds(i, to, "modified", &s->modified);
	v = doc_add_object(i->doc, to, "removed");
	doc_add_number(i->doc, v, "entries", s->removed);
	doc_add_number(i->doc, v, "bytes", s->removed_bytes);
}

static void tell_largest(struct inspect *i, struct firn_value *to, const struct tally *t)
{
	struct firn_value *list = doc_add_list(i->doc, to, "largest");

	for (size_t k = 0; k < t->nlargest; k++) {
		struct firn_value *f = doc_add_object(i->doc, list, NULL);
		char path[PATH_MEMBER_MAX + 2];

		snprintf(path, sizeof(path), "/%s", t->largest[k].path);
		doc_add_text(i->doc, f, "path", path);
		doc_add_number(i->doc, f, "size", t->largest[k].size);
	}
}

static void tell_tally(struct inspect *i, const struct tally *t, uint64_t deleted,
		       const struct delta_split *split)
{
	struct firn_value *v = doc_add_object(i->doc, i->top, "delta");

	doc_add_number(i->doc, v, "size", i->delta_bytes);
	if (t->counted) {
		doc_add_number(i->doc, v, "files", t->files);
		doc_add_number(i->doc, v, "folders", t->folders);
		doc_add_number(i->doc, v, "links", t->links);
		doc_add_number(i->doc, v, "others", t->others);
		doc_add_number(i->doc, v, "deleted", t->deleted + deleted);
		doc_add_number(i->doc, v, "opaque", t->opaque);
		doc_add_number(i->doc, v, "file_bytes", t->bytes);
		tell_split(i, v, split);
		tell_largest(i, v, t);
	}
	tell_loss(i, v);
}

int inspect_delta(struct inspect *i, struct firn_error *err)
{
	_cleanup_(deleted_done) struct deleted deleted = { 0 };
	_cleanup_(tally_done) struct tally own = { 0 };
	const struct tally *tally = members_tally(i->members);
	struct delta_split split = { .why = "" };
	int rc = count_delta(i, &own, err);

	if (rc < 0 || (rc = read_deleted(i, &deleted, err)) < 0)
		return rc;
	if (!tally->counted)
		tally = &own;
	if (deleted.count)
		own.counted = true;
	if (tally->counted && (i->delta_bytes || deleted.count))
		rc = inspect_split_delta(i, &deleted, &split, err);
	if (rc >= 0 && (i->delta_bytes || deleted.count))
		tell_tally(i, tally, deleted.count, &split);
	return rc < 0 ? rc : 0;
}
