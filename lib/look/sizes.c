/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much there is of everything: the images, the layers, the delta; and CRIU's own statistics. */
#include "look/inspect.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/annotations.h"
#include "format/checkpoint.h"
#include "format/deleted.h"

#include <stdio.h>
#include <string.h>

#define DELTA_MEMBER   "rootfs-diff.tar"
#define DELETED_MEMBER "deleted.files"

/* A compressed delta above this isn't unpacked just to be counted. */
#define DELTA_PACKED_MAX (256ull << 20)

struct sizes {
	uint64_t total, pages, gpu, delta;
	size_t members;
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static struct sizes add_up(const struct members *m)
{
	struct sizes s = { .members = members_count(m) };

	for (size_t k = 0; k < s.members; k++) {
		const struct member f = members_at(m, k);

		if (f.kind != MEMBER_FILE)
			continue;
		if (strcmp(f.path, DELTA_MEMBER) == 0)
			s.delta = f.size;
		if (!begins(f.path, CHECKPOINT_IMAGES_DIR "/"))
			continue;
		s.total += f.size;
		if (begins(f.path, CHECKPOINT_IMAGES_DIR "/pages-"))
			s.pages += f.size;
		if (begins(f.path, CHECKPOINT_IMAGES_DIR "/amdgpu-pages-"))
			s.gpu += f.size;
	}
	return s;
}

static void tell_nonzero(struct inspect *i, struct firn_value *to, const char *name, uint64_t n)
{
	if (n)
		doc_add_number(i->doc, to, name, n);
}

static void tell_layers(struct inspect *i, const struct image *image, const char *of,
			struct firn_value *list)
{
	char text[DIGEST_TEXT_MAX];

	for (size_t k = 0; k < image->manifest.nlayers; k++) {
		const struct oci_descriptor *d = &image->manifest.layers[k];
		struct firn_value *v = doc_add_object(i->doc, list, NULL);

		doc_add_static(i->doc, v, "image", of);
		doc_add_text(i->doc, v, "role", image_layer_role(image, k));
		doc_add_text(i->doc, v, "media_type", d->media_type);
		doc_add_text(i->doc, v, "digest", digest_text(&d->digest, text));
		doc_add_number(i->doc, v, "size", d->size);
		doc_add_text(i->doc, v, "mountable", image_layer_mountable(image, k));
	}
}

/* An image of others, or the index of ctr. */
static void tell_foreign(struct inspect *i)
{
	const struct members_about *about = members_about(i->members);
	char text[DIGEST_TEXT_MAX];
	struct firn_value *v;

	if (!about->image && !about->index)
		return;
	v = doc_add_object(i->doc, i->top, "images");
	if (!about->image) {
		doc_add_text(i->doc, v, "index", digest_text(&about->index->digest, text));
		return;
	}
	doc_add_text(i->doc, v, "checkpoint", digest_text(&about->image->desc.digest, text));
	tell_layers(i, about->image, ORG_FIRN_ROLE_CHECKPOINT, doc_add_list(i->doc, v, "layers"));
}

static void tell_images(struct inspect *i)
{
	const struct checkpoint_image *image = members_image(i->members);
	struct firn_value *v, *list;
	char text[DIGEST_TEXT_MAX];

	if (!image) {
		tell_foreign(i);
		return;
	}
	v = doc_add_object(i->doc, i->top, "images");
	doc_add_text(i->doc, v, "container",
		     oci_annotation(image->checkpoint.manifest.json, ORG_FIRN_CONTAINER));
	doc_add_text(i->doc, v, "checkpoint", digest_text(&image->checkpoint.desc.digest, text));
	if (image->rootfs.desc.digest.alg)
		doc_add_text(i->doc, v, "rootfs", digest_text(&image->rootfs.desc.digest, text));
	list = doc_add_list(i->doc, v, "layers");
	tell_layers(i, &image->checkpoint, ORG_FIRN_ROLE_CHECKPOINT, list);
	if (image->rootfs.desc.digest.alg)
		tell_layers(i, &image->rootfs, ORG_FIRN_ROLE_ROOTFS, list);
}

static int tell_statistics(struct inspect *i, struct firn_error *err)
{
	struct member_images root;
	struct firn_value *v;
	struct criu_stats s;
	int rc;

	member_images_init(&root, i->members, "");
	rc = criu_stats_read(&root.base, &s, err);
	if (rc == 0)
		rc = criu_stats_read(&i->images.base, &s, err);
	if (rc <= 0)
		return rc;
	v = doc_add_object(i->doc, i->top, "statistics");
	doc_add_number(i->doc, v, "freezing_time", s.freezing_time);
	doc_add_number(i->doc, v, "frozen_time", s.frozen_time);
	doc_add_number(i->doc, v, "memdump_time", s.memdump_time);
	doc_add_number(i->doc, v, "memwrite_time", s.memwrite_time);
	doc_add_number(i->doc, v, "pages_scanned", s.pages_scanned);
	doc_add_number(i->doc, v, "pages_written", s.pages_written);
	doc_add_number(i->doc, v, "pages_skipped_parent", s.pages_skipped_parent);
	doc_add_number(i->doc, v, "pages_lazy", s.pages_lazy);
	doc_add_number(i->doc, v, "shared_pages_scanned", s.shpages_scanned);
	doc_add_number(i->doc, v, "shared_pages_written", s.shpages_written);
	doc_add_number(i->doc, v, "shared_pages_skipped_parent", s.shpages_skipped_parent);
	return 0;
}

/* The delta layer of R, or -1. */
static ssize_t find_delta(const struct image *rootfs)
{
	for (size_t k = 0; k < rootfs->manifest.nlayers; k++) {
		const char *role = image_layer_role(rootfs, k);

		if (role && strcmp(role, ORG_FIRN_LAYER_DELTA) == 0)
			return (ssize_t)k;
	}
	return -1;
}

int inspect_sizes(struct inspect *i, struct firn_error *err)
{
	struct firn_value *v = doc_add_object(i->doc, i->top, "checkpoint_size");
	const struct checkpoint_image *image = members_image(i->members);
	const struct sizes s = add_up(i->members);
	const ssize_t layer = image ? find_delta(&image->rootfs) : -1;

	i->delta_bytes = layer >= 0 ? image->rootfs.manifest.layers[layer].size : s.delta;
	doc_add_number(i->doc, v, "total_size", s.total);
	tell_nonzero(i, v, "memory_pages_size", s.pages);
	tell_nonzero(i, v, "amd_gpu_memory_pages_size", s.gpu);
	tell_nonzero(i, v, "root_fs_diff_size", i->delta_bytes);
	doc_add_number(i->doc, v, "members", s.members);
	tell_images(i);
	return tell_statistics(i, err);
}

/* 1 and the delta's bytes, which @ret's reader closes; 0 when there are none, or not worth it. */
static int open_delta(struct inspect *i, struct source **ret, struct firn_error *err)
{
	const struct checkpoint_image *image = members_image(i->members);
	const ssize_t layer = image ? find_delta(&image->rootfs) : -1;
	const struct oci_descriptor *d;
	int rc;

	if (!image)
		return members_source(i->members, DELTA_MEMBER, ret, err);
	if (layer < 0)
		return 0;
	d = &image->rootfs.manifest.layers[layer];
	rc = store_has(members_store(i->members), &d->digest, NULL, err);
	if (rc > 0)
		rc = store_open(members_store(i->members), &d->digest, ret, err) ?: 1;
	return rc;
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
	rc = open_delta(i, &src, err);
	if (rc <= 0)
		return rc;
	if (src->size > DELTA_PACKED_MAX && is_packed(src)) {
		inspect_warn(i, "the filesystem delta is compressed and large: it is not counted");
		return 0;
	}
	return firn_wrap(err, tally_source(src, i->changeset, ret, err), "filesystem delta");
}

static int count_deleted(struct inspect *i, uint64_t *ret, struct firn_error *err)
{
	_cleanup_(deleted_done) struct deleted d = { 0 };
	_free_ char *text = NULL;
	size_t len;
	int rc = members_read(i->members, DELETED_MEMBER, DELETED_BYTES_MAX, &text, &len, err);

	if (rc > 0)
		rc = deleted_parse(text, len, &d, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", DELETED_MEMBER);
	*ret += d.count;
	return 0;
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

static void tell_tally(struct inspect *i, const struct tally *t, uint64_t deleted)
{
	struct firn_value *v = doc_add_object(i->doc, i->top, "delta"), *list;

	doc_add_number(i->doc, v, "size", i->delta_bytes);
	if (t->counted) {
		doc_add_number(i->doc, v, "files", t->files);
		doc_add_number(i->doc, v, "folders", t->folders);
		doc_add_number(i->doc, v, "links", t->links);
		doc_add_number(i->doc, v, "others", t->others);
		doc_add_number(i->doc, v, "deleted", t->deleted + deleted);
		doc_add_number(i->doc, v, "opaque", t->opaque);
		doc_add_number(i->doc, v, "file_bytes", t->bytes);
		list = doc_add_list(i->doc, v, "largest");
		for (size_t k = 0; k < t->nlargest; k++) {
			struct firn_value *f = doc_add_object(i->doc, list, NULL);
			char path[PATH_MEMBER_MAX + 2];

			snprintf(path, sizeof(path), "/%s", t->largest[k].path);
			doc_add_text(i->doc, f, "path", path);
			doc_add_number(i->doc, f, "size", t->largest[k].size);
		}
	}
	tell_loss(i, v);
}

int inspect_delta(struct inspect *i, struct firn_error *err)
{
	_cleanup_(tally_done) struct tally own = { 0 };
	const struct tally *passed = members_tally(i->members);
	uint64_t deleted = 0;
	int rc = count_delta(i, &own, err);

	if (rc == 0)
		rc = count_deleted(i, &deleted, err);
	if (rc < 0)
		return rc;
	if (deleted && !passed->counted)
		own.counted = true;
	if (i->delta_bytes || deleted)
		tell_tally(i, passed->counted ? passed : &own, deleted);
	return 0;
}
