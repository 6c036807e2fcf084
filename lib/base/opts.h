/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options structs of the public headers. Each begins with its size, which tells how much of it the
 * caller knows: one built with an older header has fewer members, one built with a newer header
 * more.
 */
#ifndef FIRN_BASE_OPTS_H
#define FIRN_BASE_OPTS_H

#include "base/error.h"

#include <stddef.h>

/*
 * Copy @given (NULL: defaults) to @ret, a struct of @known bytes; what the caller doesn't know is
 * zero. -FIRN_EINVAL without a size, -FIRN_EUNSUPP when a member that isn't known here is set.
 */
int opts_take(const void *given, void *ret, size_t known, struct firn_error *err) _must_check_;

/* -FIRN_EINVAL for bits of @flags that aren't in @known. */
int opts_check_flags(unsigned flags, unsigned known, struct firn_error *err) _must_check_;

#endif
