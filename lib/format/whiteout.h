/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that a layer uses for deletions (image-spec layer.md, "Whiteouts"): ".wh.NAME" hides NAME,
 * ".wh..wh..opq" all that lower layers have in its folder. No other member may be called so.
 */
#ifndef FIRN_FORMAT_WHITEOUT_H
#define FIRN_FORMAT_WHITEOUT_H

#include "base/error.h"

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

enum whiteout {
	WHITEOUT_NONE = 0, /* an ordinary name */
	WHITEOUT_HIDES,    /* the last component is ".wh.NAME" */
	WHITEOUT_ALL,      /* it is ".wh..wh..opq" */
};

/*
 * What normalised @path means. *ret (may be NULL; untouched for WHITEOUT_NONE; the caller frees) is
 * the path that is hidden, or the folder that hides. -FIRN_ECORRUPT for a name that means nothing:
 * ".wh." alone, one that hides "." or "..", one of AUFS' own, one in the middle of a path.
 */
int whiteout_parse(const char *path, char **ret, struct firn_error *err) _must_check_;

#endif
