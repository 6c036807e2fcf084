/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a page's content is anywhere in the memory of a checkpoint: all its pages by their
 * hashes, as many as fit into a table of fixed size. What doesn't fit is not found.
 */
#ifndef FIRN_DIFF_ELSEWHERE_H
#define FIRN_DIFF_ELSEWHERE_H

#include "diff/pages.h"

struct elsewhere;

/* Reads all of the memory. */
int elsewhere_open(struct pages *p, struct elsewhere **ret, struct firn_error *err) _must_check_;
struct elsewhere *elsewhere_close(struct elsewhere *e);
void elsewhere_closep(struct elsewhere **e);

bool elsewhere_has(const struct elsewhere *e, uint64_t hash);
/* There were more pages than fit. */
bool elsewhere_full(const struct elsewhere *e);

#endif
