/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The header lines of an HTTP answer (RFC 9110, section 5; RFC 9112, section 5), as they came. */
#ifndef FIRN_REMOTE_HEADER_H
#define FIRN_REMOTE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The status of the status line "HTTP/1.1 200 OK" that @line begins with, 100 to 599; 0 when it
 * is none. HTTP/2 has none: libcurl writes "HTTP/2 200".
 */
unsigned header_status(const char *line, size_t len);
/* Whether that line is of HTTP/2, whose frames tell where a body ends (RFC 9113, section 8.1). */
bool header_is_framed(const char *line, size_t len);

/*
 * The first line "NAME: value" in @lines, lines that end with CR LF or LF; the case of @name makes
 * no difference. The value has no white space around it and is borrowed from @lines.
 */
bool header_find(const char *lines, size_t len, const char *name, const char **ret,
		 size_t *ret_len);

#endif
