/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people write for ages and sizes. */
#ifndef FIRN_SRC_UNITS_H
#define FIRN_SRC_UNITS_H

#include <firn/error.h>
#include <stdint.h>

/* "90", "90s", "15m", "12h", "7d", "2w" in seconds. NULL is 0. -FIRN_EINVAL. */
int units_age(const char *text, uint64_t *ret, struct firn_error *err);
/* "4096", "512K", "20M", "10G", "2T" in bytes (times 1024). NULL is 0. -FIRN_EINVAL. */
int units_size(const char *text, uint64_t *ret, struct firn_error *err);

#endif
