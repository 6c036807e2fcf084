/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the public calls begin with. For lib/memory alone. */
#ifndef FIRN_MEMORY_OPEN_H
#define FIRN_MEMORY_OPEN_H

#include "members/members.h"

#include "firn/memory.h"

int memory_take_opts(const struct firn_memory_opts *given, struct firn_memory_opts *ret,
		     struct firn_error *err) _must_check_;
int memory_open(const char *checkpoint, const struct firn_memory_opts *opts, struct members **ret,
		struct firn_error *err) _must_check_;

#endif
