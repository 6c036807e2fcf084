/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of images as registries and engines spell them, [HOST[:PORT]/]PATH[:TAG] (grammar of
 * distribution/reference: reference.go). A name that is taken here is one to Podman, CRI-O and
 * containerd alike.
 */
#ifndef FIRN_FORMAT_IMAGE_NAME_H
#define FIRN_FORMAT_IMAGE_NAME_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define IMAGE_NAME_MAX 255 /* bytes without the tag: NameTotalLengthMax */
#define IMAGE_TAG_MAX  128

/*
 * *ret_tag is where the tag's colon stands, or the end. -FIRN_EINVAL says what is wrong; a name
 * with a digest is wrong too.
 */
int image_name_parse(const char *text, size_t *ret_tag, struct firn_error *err) _must_check_;

/* Not a name but a place, as Podman takes it besides: "oci:DIR:TAG", "docker-archive:FILE"... */
bool image_name_is_place(const char *text);

#endif
