/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What plain layers have become when they were packed, as far as this user knows: so that a layer
 * that the destination has need not be packed to find that out. A file of fixed size in which each
 * layer has one place, and loses it to the next that has the same; a record that isn't whole is
 * none. It is a help and nothing else: whatever goes wrong here, layers are packed.
 */
#ifndef FIRN_COPY_KNOWN_H
#define FIRN_COPY_KNOWN_H

#include "bytes/digest.h"

struct known;

/* In the folder @state (made, 0700) for this level; NULL when that can't be had. */
struct known *known_open(const char *state, int level);
void known_close(struct known *k); /* NULL is fine, also for the others */

bool known_find(struct known *k, const struct digest *plain, struct digest *ret,
		uint64_t *ret_size);
void known_add(struct known *k, const struct digest *plain, const struct digest *packed,
	       uint64_t size);

#endif
