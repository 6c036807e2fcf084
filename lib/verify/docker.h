/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FIRN_VERIFY_DOCKER_H
#define FIRN_VERIFY_DOCKER_H

#include "bytes/stream.h"
#include "verify/findings.h"

/* The docker-archive in @src, which is taken, also on failure. */
int verify_docker(struct source *src, struct findings *f, struct firn_error *err) _must_check_;

#endif
