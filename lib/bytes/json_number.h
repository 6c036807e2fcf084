/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Integers from 2^63 to 2^64 - 1. Go writes unsigned 64-bit numbers (a limit that is none is
 * RLIM_INFINITY, 18446744073709551615), jansson has signed ones. For bytes/json.c alone: it carries
 * such an integer through as a marked string, and prints it as the number it was. A mark begins
 * with U+0001: strings of the document that do so too have one more of them in memory.
 */
#ifndef FIRN_BYTES_JSON_NUMBER_H
#define FIRN_BYTES_JSON_NUMBER_H

#include "base/buf.h"

/* False when @text can stay as it is; true, and the text with marks in @out. */
bool json_number_mark(const char *text, size_t len, struct buf *out);
/* Append @text, which jansson printed, with the numbers back in their places. */
void json_number_unmark(const char *text, size_t len, struct buf *out);

#endif
