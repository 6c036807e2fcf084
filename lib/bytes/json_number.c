/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/json_number.h"

#include <string.h>

/* U+0001 as JSON text: there is no other way to write it. */
#define ESCAPE "\\u0001"
/* Begins a string that stands for a number. */
#define MARK ESCAPE "firn-number:"

/* Whether the @n digits at @at say more than 2^63 - 1 and no more than 2^64 - 1. */
static bool needs_mark(const char *at, size_t n)
{
	static const char int_max[] = "9223372036854775807", uint_max[] = "18446744073709551615";

	if (n == strlen(int_max))
		return memcmp(at, int_max, n) > 0;
	return n == strlen(uint_max) && memcmp(at, uint_max, n) <= 0;
}

static size_t skip_string(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < len ? at + 1 : len;
}

/* Whether the string whose opening quote stands at @text begins with U+0001. */
static bool is_escaped(const char *text, size_t len)
{
	return len > strlen(ESCAPE) && memcmp(text + 1, ESCAPE, strlen(ESCAPE)) == 0;
}

static size_t skip_digits(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] >= '0' && text[at] <= '9')
		at++;
	return at;
}

/*
 * A fraction or exponent makes it no integer, and jansson takes those. A colon makes it a name,
 * which a number can't be: jansson must see that.
 */
static bool is_integer_end(const char *text, size_t len, size_t at)
{
	while (at < len && strchr(" \t\r\n", text[at]) && text[at])
		at++;
	return at == len || !strchr(".eE:", text[at]);
}

bool json_number_mark(const char *text, size_t len, struct buf *out)
{
	size_t at = 0, done = 0;

	while (at < len) {
		size_t end = at + 1;

		if (text[at] == '"') {
			end = skip_string(text, len, at);
			if (is_escaped(text + at, end - at)) {
				buf_put(out, text + done, at + 1 - done);
				buf_puts(out, ESCAPE);
				done = at + 1;
			}
		} else if (text[at] == '-' || text[at] == '.') {
			end = skip_digits(text, len, at + 1);
		} else if (text[at] >= '0' && text[at] <= '9') {
			end = skip_digits(text, len, at);
			if (needs_mark(text + at, end - at) && is_integer_end(text, len, end)) {
				buf_put(out, text + done, at - done);
				buf_puts(out, "\"" MARK);
				buf_put(out, text + at, end - at);
				buf_puts(out, "\"");
				done = end;
			}
		}
		at = end;
	}
	if (!done)
		return false;
	buf_put(out, text + done, len - done);
	return true;
}

/* How many digits stand behind a mark made here, or 0: names and other numbers never get one. */
static size_t marked_digits(const char *at, size_t len)
{
	size_t n = skip_digits(at, len, 0);
	const bool ends = n < len && at[n] == '"' && (n + 1 == len || at[n + 1] != ':');

	return ends && needs_mark(at, n) ? n : 0;
}

void json_number_unmark(const char *text, size_t len, struct buf *out)
{
	static const char quoted_mark[] = "\"" MARK, quoted_twice[] = "\"" ESCAPE ESCAPE;
	const size_t mark = strlen(quoted_mark), twice = strlen(quoted_twice);
	size_t at = 0;

	while (at < len) {
		size_t end = at + 1, digits = 0;

		if (text[at] == '"')
			end = skip_string(text, len, at);
		if (end - at > mark && memcmp(text + at, quoted_mark, mark) == 0)
			digits = marked_digits(text + at + mark, len - at - mark);
		if (end - at > twice && memcmp(text + at, quoted_twice, twice) == 0) {
			buf_puts(out, "\"");
			at += 1 + strlen(ESCAPE);
		}
		if (digits)
			buf_put(out, text + at + mark, digits);
		else
			buf_put(out, text + at, end - at);
		at = end;
	}
}
