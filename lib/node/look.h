/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mounted bundle (node/bundle.h) as its restorer sees it. */
#ifndef FIRN_NODE_LOOK_H
#define FIRN_NODE_LOOK_H

#include "base/error.h"

#include <stdbool.h>

struct look {
	bool container; /* CRIU's images are a container's */
	bool config;    /* there is a config.json */
	bool terminal;  /* which gives the container a terminal */
};

/* -FIRN_ECORRUPT when CRIU could never restore the images: broken ones, pages that are missing. */
int look_at(const char *dir, struct look *ret, struct firn_error *err) _must_check_;

/* The container's name as its engine knew it, which the caller frees. -FIRN_EINVAL: it had none. */
int look_for_name(const char *dir, char **ret, struct firn_error *err) _must_check_;

#endif
