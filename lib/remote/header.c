/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/header.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes of "HTTP/1.1 " or "HTTP/2 "; 0 when @line begins with neither. */
static size_t version_len(const char *line, size_t len)
{
	static const char one[] = "HTTP/1.", two[] = "HTTP/2 ";

	if (len >= sizeof(two) - 1 && memcmp(line, two, sizeof(two) - 1) == 0)
		return sizeof(two) - 1;
	if (len < sizeof(one) + 1 || memcmp(line, one, sizeof(one) - 1) != 0 ||
	    !is_digit(line[sizeof(one) - 1]) || line[sizeof(one)] != ' ')
		return 0;
	return sizeof(one) + 1;
}

unsigned header_status(const char *line, size_t len)
{
	const size_t at = version_len(line, len);
	unsigned status;

	if (!at || len < at + 3 || !is_digit(line[at]) || !is_digit(line[at + 1]) ||
	    !is_digit(line[at + 2]))
		return 0;
	if (len > at + 3 && line[at + 3] != ' ' && line[at + 3] != '\r' && line[at + 3] != '\n')
		return 0;
	status = (unsigned)(line[at] - '0') * 100 + (unsigned)(line[at + 1] - '0') * 10 +
		 (unsigned)(line[at + 2] - '0');
	return status >= 100 && status <= 599 ? status : 0;
}

bool header_is_framed(const char *line, size_t len)
{
	return len > 5 && line[5] == '2' && version_len(line, len);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool header_find(const char *lines, size_t len, const char *name, const char **ret, size_t *ret_len)
{
	const size_t n = strlen(name);

	while (len > 0) {
		const char *newline = memchr(lines, '\n', len);
		const size_t line = newline ? (size_t)(newline - lines) : len;

		if (line > n && lines[n] == ':' && strncasecmp(lines, name, n) == 0) {
			const char *value = lines + n + 1, *end = lines + line;

			while (value < end && is_space(*value))
				value++;
			while (end > value && is_space(end[-1]))
				end--;
			*ret = value;
			*ret_len = (size_t)(end - value);
			return true;
		}
		len -= newline ? line + 1 : line;
		lines += newline ? line + 1 : line;
	}
	return false;
}
