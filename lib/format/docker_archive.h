/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * manifest.json of a docker-archive ("docker save" before version 25, skopeo's docker-archive:): a
 * list of images, each with the names of the archive's members that are its config and its layers.
 */
#ifndef FIRN_FORMAT_DOCKER_ARCHIVE_H
#define FIRN_FORMAT_DOCKER_ARCHIVE_H

#include "bytes/json.h"

#define DOCKER_ARCHIVE_MANIFEST "manifest.json"

/* The only image of it; normalised paths, owned. */
struct docker_archive {
	char *config;
	char **layers; /* the lowest first */
	size_t nlayers;
};

/* More images than one are -FIRN_EINVAL, for nothing says which of them is meant. */
int docker_archive_parse(const char *text, size_t len, struct docker_archive *ret,
			 struct firn_error *err) _must_check_;
void docker_archive_done(struct docker_archive *a);

#endif
