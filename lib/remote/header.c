/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/header.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

unsigned header_status(const char *line, size_t len)
{
	static const char begin[] = "HTTP/1.";
	const size_t at = sizeof(begin); /* one digit more */
	unsigned status;

	if (len < at + 4 || memcmp(line, begin, sizeof(begin) - 1) != 0 ||
	    !is_digit(line[at - 1]) || line[at] != ' ')
		return 0;
	if (!is_digit(line[at + 1]) || !is_digit(line[at + 2]) || !is_digit(line[at + 3]) ||
	    (len > at + 4 && line[at + 4] != ' ' && line[at + 4] != '\r' && line[at + 4] != '\n'))
		return 0;
	status = (unsigned)(line[at + 1] - '0') * 100 + (unsigned)(line[at + 2] - '0') * 10 +
		 (unsigned)(line[at + 3] - '0');
	return status >= 100 && status <= 599 ? status : 0;
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
