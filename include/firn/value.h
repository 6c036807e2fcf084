/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file
 * What the calls that look at checkpoints find out, as a tree of values: objects, lists, texts,
 * numbers and truths. It can be walked, and printed as JSON.
 *
 * Values belong to the result they are part of and live as long as it. Every call takes NULL for a
 * value that isn't there, so that look-ups can be put into each other.
 */
#ifndef FIRN_VALUE_H
#define FIRN_VALUE_H

#include <firn/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a value is. */
enum firn_value_type {
	FIRN_VALUE_NONE, /**< not there */
	FIRN_VALUE_BOOL,
	FIRN_VALUE_NUMBER,
	FIRN_VALUE_TEXT,
	FIRN_VALUE_LIST,
	FIRN_VALUE_OBJECT, /**< its members have names, each once */
};

struct firn_value;

/** @return what @p v is */
FIRN_EXPORT enum firn_value_type firn_value_type(const struct firn_value *v);
/** @return a number, 1 or 0 for a truth, 0 for all else */
FIRN_EXPORT int64_t firn_value_number(const struct firn_value *v);
/** @return a text, NUL-ended, NULL for all else; it may have NULs inside: firn_value_length() */
FIRN_EXPORT const char *firn_value_text(const struct firn_value *v);
/** @return bytes of a text */
FIRN_EXPORT size_t firn_value_length(const struct firn_value *v);
/** @return the member of an object by its name, NULL when there is none */
FIRN_EXPORT const struct firn_value *firn_value_get(const struct firn_value *v, const char *name);
/** @return the first value of a list or an object, NULL when it is empty */
FIRN_EXPORT const struct firn_value *firn_value_first(const struct firn_value *v);
/** @return the value behind @p v in its list or object, NULL behind the last */
FIRN_EXPORT const struct firn_value *firn_value_next(const struct firn_value *v);
/** @return the name of a member of an object, NULL for all else */
FIRN_EXPORT const char *firn_value_name(const struct firn_value *v);

/**
 * Print as JSON (UTF-8; bytes that are none become U+FFFD), piece by piece.
 *
 * @param indent  spaces for each level, 0: all in one line
 * @param write   takes a piece; what it returns other than 0 ends the printing
 * @return 0, or what @p write returned
 */
FIRN_EXPORT int firn_value_print(const struct firn_value *v, int indent,
				 int (*write)(const char *piece, size_t n, void *ctx), void *ctx);

#ifdef __cplusplus
}
#endif

#endif
