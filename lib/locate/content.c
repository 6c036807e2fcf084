/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an image is by the names in its layers and the words on its manifest. */
#include "locate/content.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "format/tar.h"

#include <string.h>

bool locate_is_furniture(const char *path)
{
	static const char *const names[] = { "dev", "etc", "proc", "run", "sys", ".dockerenv" };
	const size_t len = strcspn(path, "/");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && memcmp(path, names[i], len) == 0)
			return true;
	return false;
}

struct locate_words locate_words(const json_t *manifest)
{
	static const char *const names[] = { PODMAN_NAME, CRIO_NAME, ORG_CRIU_CONTAINER_NAME };
	/* In images of firn's the engine's own says where it finds R. */
	static const char *const images[] = { ORG_CRIU_ROOTFS_IMAGE_NAME, PODMAN_ROOTFS_IMAGE_NAME,
					      CRIO_ROOTFS_IMAGE_NAME };
	struct locate_words words = { .container = NULL };

	for (size_t i = 0; i < ARRAY_SIZE(names) && !words.container; i++)
		words.container = oci_annotation(manifest, names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(images) && !words.image_name; i++)
		words.image_name = oci_annotation(manifest, images[i]);
	return words;
}

static enum image_content content_of(const char *path)
{
	if (strcmp(path, CHECKPOINT_CONFIG) == 0 || strcmp(path, CHECKPOINT_SPEC) == 0 ||
	    strcmp(path, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY) == 0)
		return IMAGE_CHECKPOINT;
	return strcmp(path, "oci-layout") == 0 ? IMAGE_LAYOUT : IMAGE_NOTHING;
}

static int look_at_layer(struct store *s, const struct oci_descriptor *d, enum image_content *ret,
			 struct firn_error *err)
{
	const struct tar_limits limits = { .entries = LOCATE_FILES_MAX };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e = NULL;
	int rc;

	if ((rc = store_open(s, &d->digest, &src, err)) < 0 ||
	    (rc = tar_open_source(src, &limits, &tar, err)) < 0)
		return rc;
	while (!*ret && (rc = tar_next(tar, &e, err)) > 0)
		*ret = content_of(e->path);
	return rc < 0 ? rc : 0;
}

int content_look(struct store *s, const struct image *image, enum image_content *ret,
		 struct firn_error *err)
{
	enum image_content found = IMAGE_NOTHING;
	int rc = 0;

	for (size_t i = image->manifest.nlayers; rc >= 0 && !found && i-- > 0;)
		rc = firn_wrap(err, look_at_layer(s, &image->manifest.layers[i], &found, err),
			       "layer %zu", i);
	if (rc >= 0)
		*ret = found;
	return rc;
}
