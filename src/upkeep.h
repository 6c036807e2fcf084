/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What commands that keep a layout in order tell of it. */
#ifndef FIRN_SRC_UPKEEP_H
#define FIRN_SRC_UPKEEP_H

#include "out.h"

#include <firn/layout.h>

/* The texts of the list @name, borrowed but for .list.items, which the caller frees. */
int upkeep_list(const struct firn_upkeep *u, const char *name, union out_value *ret,
		struct firn_error *err);
uint64_t upkeep_number(const struct firn_upkeep *u, const char *name);
void upkeep_freep(struct firn_upkeep **u);

#endif
