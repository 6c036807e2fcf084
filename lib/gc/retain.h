/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which checkpoints are old enough to lose their tags. */
#ifndef FIRN_GC_RETAIN_H
#define FIRN_GC_RETAIN_H

#include "image/labels.h"

#include "firn/layout.h"

/* The tags of @index that the options take away, at @now in seconds since the epoch, into @ret. */
int retain_find(const struct firn_gc_opts *opts, struct store *s, const struct oci_index *index,
		int64_t now, struct labels *ret, struct firn_error *err) _must_check_;

#endif
