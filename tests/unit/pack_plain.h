/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compressed form of a plain layer that is there already: for tests alone. */
#ifndef FIRN_TESTS_UNIT_PACK_PLAIN_H
#define FIRN_TESTS_UNIT_PACK_PLAIN_H

#include "base/buf.h"
#include "bytes/stream.h"

/* @plain has to be ours. @large: as if it had many frames. */
int pack_plain(struct source *plain, int level, unsigned threads, bool large, struct buf *ret,
	       struct firn_error *err) _must_check_;

#endif
