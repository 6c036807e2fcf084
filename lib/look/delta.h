/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which entries of a delta are new in its base and which replace something there, and what of the
 * base is gone. For lib/look alone.
 */
#ifndef FIRN_LOOK_DELTA_H
#define FIRN_LOOK_DELTA_H

#include "format/deleted.h"
#include "look/inspect.h"

struct delta_kinds {
	uint64_t files, folders, links, others;
	uint64_t bytes; /* of the files */
};

struct delta_split {
	char why[120]; /* why it isn't known; "": it is */
	struct delta_kinds added, modified;
	uint64_t removed, removed_bytes; /* entries of the base */
};

/*
 * The base is what the options name, or what came with the checkpoint. -FIRN_EMISMATCH when the
 * options name another image than the documents do.
 */
int inspect_split_delta(struct inspect *i, const struct deleted *deleted, struct delta_split *ret,
			struct firn_error *err) _must_check_;

#define DELTA_NODES_MAX (1u << 16) /* entries of a delta that are compared; some 15 MiB */

/*
 * From afar, by the index that the delta has: 1 and its tree, or 0 when it is to be read as a tar.
 * -FIRN_ELIMIT for more than @max entries.
 */
int inspect_delta_tree(struct inspect *i, uint32_t max, struct tree **ret,
		       struct firn_error *err) _must_check_;

/* 1 and the delta's bytes, which the caller closes; 0 when there are none. */
int inspect_open_delta(struct inspect *i, struct source **ret, struct firn_error *err) _must_check_;

#endif
