/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The image of a docker-archive (format/docker_archive.h), read where it lies. Its layers have no
 * digest but their diff_ids, so they are found under these in the store that comes with the image,
 * and whoever reads one that is compressed has to decompress it before its digest can be looked at.
 */
#ifndef FIRN_IMAGE_DOCKER_H
#define FIRN_IMAGE_DOCKER_H

#include "image/image.h"

/*
 * Takes @src, also on failure. The config is proven if its name is its digest; ret->manifest has no
 * document, its layers' digests are the diff_ids.
 */
int docker_open(struct source *src, struct store **ret_store, struct image *ret,
		struct firn_error *err) _must_check_;

#endif
