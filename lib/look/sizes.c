/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much there is of everything: the images, the layers, the delta; and CRIU's own statistics. */
#include "look/inspect.h"

#include "base/fd.h"
#include "format/annotations.h"
#include "format/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#define DELTA_MEMBER      "rootfs-diff.tar"
#define ZERO_PAGES_DIGITS 18

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

/* How many pages firn build found to be zeros; in others they were not counted. */
static void tell_zero_pages(struct inspect *i, const struct checkpoint_image *image,
			    struct firn_value *to)
{
	const char *text = oci_annotation(image->checkpoint.manifest.json, ORG_FIRN_ZERO_PAGES);
	const size_t len = text ? strlen(text) : 0;

	if (len && len <= ZERO_PAGES_DIGITS && strspn(text, "0123456789") == len)
		doc_add_number(i->doc, to, "zero_pages", strtoull(text, NULL, 10));
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

int inspect_sizes(struct inspect *i, struct firn_error *err)
{
	struct firn_value *v = doc_add_object(i->doc, i->top, "checkpoint_size");
	const struct checkpoint_image *image = members_image(i->members);
	const struct sizes s = add_up(i->members);
	const ssize_t layer = image ? inspect_find_delta(&image->rootfs) : -1;

	i->delta_bytes = layer >= 0 ? image->rootfs.manifest.layers[layer].size : s.delta;
	doc_add_number(i->doc, v, "total_size", s.total);
	tell_nonzero(i, v, "memory_pages_size", s.pages);
	if (image)
		tell_zero_pages(i, image, v);
	tell_nonzero(i, v, "amd_gpu_memory_pages_size", s.gpu);
	tell_nonzero(i, v, "root_fs_diff_size", i->delta_bytes);
	doc_add_number(i->doc, v, "members", s.members);
	tell_images(i);
	return tell_statistics(i, err);
}
