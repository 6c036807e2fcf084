/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What firn inspect finds, for people. */
#ifndef FIRN_SRC_SHOW_H
#define FIRN_SRC_SHOW_H

#include <firn/value.h>
#include <stdio.h>

/* One container's object as a tree; false when out of memory. */
bool show_container(FILE *f, const struct firn_value *container);

/* "2.0 MiB" into @ret, which is returned. */
#define SHOW_BYTES_MAX 24
const char *show_bytes(int64_t bytes, char ret[SHOW_BYTES_MAX]);

#endif
