/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/spec_priv.h"

#include "base/fd.h"

#include <string.h>

/*
 * Begins a string that stands for a number. A document that has such a string of its own gets a
 * number in its place, which its author could have written himself.
 */
#define MARK       "\\u0001firn-number:"
#define DIGITS_MAX 20    /* of 2^64 - 1 */
#define FIT_MAX    65536 /* bytes of a text file that is made to fit */

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

static size_t skip_digits(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] >= '0' && text[at] <= '9')
		at++;
	return at;
}

/* A fraction or exponent makes it no integer, and jansson takes those. */
static bool is_integer_end(const char *text, size_t len, size_t at)
{
	return at == len || (text[at] != '.' && text[at] != 'e' && text[at] != 'E');
}

static void mark_numbers(const char *text, size_t len, struct buf *out)
{
	size_t at = 0, done = 0;

	while (at < len) {
		size_t end = at + 1;

		if (text[at] == '"') {
			end = skip_string(text, len, at);
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
	buf_put(out, text + done, len - done);
}

int spec_parse(const char *text, size_t len, json_t **ret, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	_buf_ struct buf marked = BUF_INIT;
	int rc;

	if (len > SPEC_BYTES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "larger than %u bytes", SPEC_BYTES_MAX);
	mark_numbers(text, len, &marked);
	rc = buf_check(&marked, err);
	if (rc == 0)
		rc = json_parse((char *)marked.data, marked.len, &doc, err);
	if (rc < 0)
		return rc;
	if (!json_is_object(doc))
		return firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	*ret = take_ptr(&doc);
	return 0;
}

/* The digits behind a mark that ends with a quote, or 0. */
static size_t marked_digits(const char *at, size_t len)
{
	size_t n = skip_digits(at, len, 0);

	return n && n <= DIGITS_MAX && n < len && at[n] == '"' ? n : 0;
}

static void unmark_numbers(const char *text, size_t len, struct buf *out)
{
	static const char quoted_mark[] = "\"" MARK;
	const size_t mark = strlen(quoted_mark);
	size_t at = 0;

	while (at < len) {
		size_t end = at + 1, digits = 0;

		if (text[at] == '"')
			end = skip_string(text, len, at);
		if (end - at > mark && memcmp(text + at, quoted_mark, mark) == 0)
			digits = marked_digits(text + at + mark, end - at - mark);
		if (digits)
			buf_put(out, text + at + mark, digits);
		else
			buf_put(out, text + at, end - at);
		at = end;
	}
}

int spec_print(const json_t *doc, char **ret, size_t *ret_len, struct firn_error *err)
{
	_buf_ struct buf marked = BUF_INIT, plain = BUF_INIT;
	int rc = json_print_pretty(doc, 2, &marked, err);
	size_t len;
	char *text;

	if (rc < 0)
		return rc;
	unmark_numbers((char *)marked.data, marked.len, &plain);
	len = plain.len;
	text = buf_steal(&plain);
	if (!text)
		return firn_fail_oom(err, "config.json");
	*ret = text;
	*ret_len = len;
	return 0;
}

int spec_fit(const char *text, uint64_t bytes, char **ret, struct firn_error *err)
{
	_buf_ struct buf fitted = BUF_INIT;
	const size_t fit = bytes && bytes <= FIT_MAX ? (size_t)bytes : strlen(text);
	size_t keep = strlen(text);
	char *copy;

	if (keep > fit)
		for (keep = fit; keep && text[keep - 1] != '\n'; keep--)
			;
	buf_put(&fitted, text, keep);
	buf_fill(&fitted, '\n', fit - keep);
	copy = buf_steal(&fitted);
	if (!copy)
		return firn_fail_oom(err, "provided file");
	*ret = copy;
	return 0;
}
