/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the items of a plan are, in words for people: "checkpoint images", "rootfs layer 3". Found
 * in the plan's own documents; what they say is somebody's, so no name counts for more than that.
 */
#ifndef FIRN_COPY_WORDS_H
#define FIRN_COPY_WORDS_H

#include "copy/plan.h"

#define WORDS_MAX 64 /* of one name, its NUL included */

struct words {
	char **list; /* for each item; NULL: nobody knows one */
	size_t n;
	size_t bytes; /* of all texts */
};

/* Names are bounded together; those of more items than fit stay unknown. */
int words_make(const struct plan *p, struct words *ret, struct firn_error *err) _must_check_;
void words_done(struct words *n);
/* Of the item at this position of the plan; never NULL. */
const char *words_of(const struct words *n, size_t item);

#endif
