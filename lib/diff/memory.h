/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of two checkpoints page by page. For lib/diff alone. */
#ifndef FIRN_DIFF_MEMORY_H
#define FIRN_DIFF_MEMORY_H

#include "diff/diff.h"
#include "diff/pages.h"

struct memory_sums {
	uint64_t pages, bytes; /* that a delta of B over A holds */
};

/*
 * The section "memory": pages of each pair by their address. A page is one that was dumped, be it
 * zero; memory that was never touched and what lies in mapped files as it was there are none.
 */
int memory_compare(struct diff *d, struct pages *a, struct pages *b, struct pages_meter *meter,
		   struct memory_sums *ret, struct firn_error *err) _must_check_;

#endif
