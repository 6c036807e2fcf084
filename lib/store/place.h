/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a result goes: a file that gets its name when it is whole, standard output, or a fifo or
 * device that is there.
 */
#ifndef FIRN_STORE_PLACE_H
#define FIRN_STORE_PLACE_H

#include "bytes/sink.h"
#include "store/publish.h"

struct place {
	struct sink *sink;
	char *folder, *name; /* NULL: written to as it is */
	int dirfd, fd;
	struct publish file;
};

#define PLACE_NONE                                                                                 \
	{                                                                                          \
		.dirfd = -1, .fd = -1, .file = PUBLISH_NONE                                        \
	}

/* "-" is standard output; -FIRN_EINVAL when that is a terminal. */
int place_open(const char *file, struct place *ret, struct firn_error *err) _must_check_;
/* All of it is written: flush it, and give it its name in place of what has it now. */
int place_finish(struct place *p, struct firn_error *err) _must_check_;
/* Throws away what was not finished. */
void place_done(struct place *p);

#endif
