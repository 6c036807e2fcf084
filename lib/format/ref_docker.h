/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* References to a registry, which format/ref.h's ref_parse() takes with the others. */
#ifndef FIRN_FORMAT_REF_DOCKER_H
#define FIRN_FORMAT_REF_DOCKER_H

#include "format/ref.h"

#include <stdbool.h>

#define REF_REGISTRY_TAG_MAX 128

/* What stands behind "docker://"; *r is zero, and the caller's to end also on failure. */
int ref_parse_docker(const char *text, struct ref *r, struct firn_error *err) _must_check_;

/* What a registry takes for a tag, for the name of a repository. */
bool ref_is_registry_tag(const char *tag);
bool ref_is_repository(const char *name);

#endif
