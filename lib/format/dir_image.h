/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names in a folder of skopeo's dir: transport (containers/image, directory transport 1.1): one
 * image, flat. "version" says so, "manifest.json" is the manifest or index, "HEX" are the blobs,
 * and "HEX.manifest.json" the manifests that an index names.
 */
#ifndef FIRN_FORMAT_DIR_IMAGE_H
#define FIRN_FORMAT_DIR_IMAGE_H

#include "bytes/digest.h"

#define DIR_IMAGE_VERSION  "version"
#define DIR_IMAGE_MANIFEST "manifest.json"
#define DIR_IMAGE_MARK     "Directory Transport Version: 1.1\n" /* what "version" holds */
#define DIR_IMAGE_MARK_MAX 64

#define DIR_IMAGE_NAME_MAX (DIGEST_TEXT_MAX + sizeof("." DIR_IMAGE_MANIFEST))

/* Whether the content of a file "version" is one that is understood here. */
int dir_image_check_mark(const char *text, size_t len, struct firn_error *err) _must_check_;

/* The name of a manifest that isn't the folder's own. Returns @ret. */
const char *dir_image_manifest(const struct digest *d, char ret[DIR_IMAGE_NAME_MAX]);
/* Whether @name is that of a blob, or of such a manifest, and of which digest. */
bool dir_image_parse(const char *name, struct digest *ret);

#endif
