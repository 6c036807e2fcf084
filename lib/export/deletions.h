/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* deleted.files (format/deleted.h) out of the whiteouts of a delta layer. */
#ifndef FIRN_EXPORT_DELETIONS_H
#define FIRN_EXPORT_DELETIONS_H

#include "base/buf.h"
#include "export/work.h"
#include "format/tree.h"

/*
 * The document as Go prints it with an indentation of two, nothing when nothing was deleted. What a
 * folder hides that was made again is named one by one if @base (may be NULL) has it; else the
 * folder is named, as the engines do, which costs what is in it.
 */
int deletions_print(const struct tree *delta, const struct tree *base, struct work *w,
		    struct buf *ret, struct firn_error *err) _must_check_;

#endif
