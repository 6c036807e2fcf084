/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared libraries that are loaded where they are needed first. What only some work needs and what
 * brings many libraries with it would otherwise be the better part of every start: a program that
 * mounts a checkpoint in milliseconds has no use for an HTTP client.
 */
#ifndef FIRN_BASE_LIBRARY_H
#define FIRN_BASE_LIBRARY_H

#include "base/error.h"

#include <stddef.h>

/* For a list of functions "#define CALLS(X) X(first) X(second)": the table and its names. */
#define LIBRARY_SLOT(function) __typeof__(function) *function;
#define LIBRARY_NAME(function) #function,

/*
 * Load the library @file, for the life of the process, and the addresses of @names into @table: a
 * struct of @n pointers to functions in the same order. -FIRN_EUNSUPP says what isn't there;
 * @table is of no use then.
 */
int library_load(const char *file, const char *const *names, size_t n, void *table,
		 struct firn_error *err) _must_check_;

#endif
