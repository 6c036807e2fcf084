/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The programs that restore: runc and crun for containers, CRIU itself for bare processes. */
#ifndef FIRN_NODE_RUNTIME_H
#define FIRN_NODE_RUNTIME_H

#include "base/run.h"
#include "firn/restore.h"
#include "node/slot.h"

struct runtime {
	char *path; /* absolute */
	const char
	    *name; /* "runc", "crun", "criu"; a path of another name is taken for runc's like */
	bool container; /* restores from a bundle */
};

/*
 * @wanted as in firn_restore_opts; NULL: what there is for a container or a bare process. CRIU must
 * be there in any case: runc and crun run it. -FIRN_EHOST says what to install.
 */
int runtime_find(const char *wanted, bool container, struct runtime *ret,
		 struct firn_error *err) _must_check_;
void runtime_done(struct runtime *r);

/* 1 when the runtime has a container @id already, 0 when it hasn't. */
int runtime_has(const struct runtime *r, const char *id, struct firn_error *err) _must_check_;

struct runtime_restore {
	const struct runtime *runtime;
	struct slot *slot;
	const char *id; /* of a container */
	const struct firn_restore_opts *opts;
	const char *console; /* socket for the terminal's master, NULL: none is needed */
	int output;          /* -1: nowhere */
};

/*
 * Run the restore. Returns the program's exit status, or -FIRN_E... when it couldn't be run.
 * -FIRN_EEXIST: a container of that id is somebody else's. After a failure its id stays reserved
 * (slot_reserve()), so that runtime_delete() finds nothing but what this restore has left.
 */
int runtime_restore(const struct runtime_restore *r, struct firn_error *err) _must_check_;

enum runtime_delete {
	RUNTIME_DELETE_ENDED, /* only if it has ended */
	RUNTIME_DELETE_FORCE, /* what is left of a failed restore */
};
void runtime_delete(const struct runtime *r, const char *id, enum runtime_delete how);

#endif
