/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What firn diff finds, for people. */
#ifndef FIRN_SRC_DIFFERENCE_H
#define FIRN_SRC_DIFFERENCE_H

#include <firn/value.h>
#include <stdbool.h>
#include <stdio.h>

/* What firn_difference_value() gives, as a tree; false when out of memory. */
bool difference_show(FILE *f, const struct firn_value *all);

/* Differences in a section, or in a list. */
uint64_t difference_count(const struct firn_value *section);

#endif
