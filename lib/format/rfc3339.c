/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/rfc3339.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#define TIME_LATEST 253402300799 /* 9999-12-31T23:59:59Z: there are four digits */
#define TIME_LEN    19           /* "2026-11-23T03:14:37" */

/* @pattern: '0' stands for a digit, all else for itself. */
static bool matches(const char *text, size_t len, const char *pattern)
{
	for (size_t i = 0; pattern[i]; i++) {
		if (i == len)
			return false;
		if (pattern[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != pattern[i])
			return false;
	}
	return true;
}

static int number(const char *text, size_t n)
{
	int ret = 0;

	for (size_t i = 0; i < n; i++)
		ret = 10 * ret + (text[i] - '0');
	return ret;
}

/* "Z", "+01:00": seconds east of Greenwich. */
static bool parse_zone(const char *text, size_t len, int *ret)
{
	if (len == 1 && (*text == 'Z' || *text == 'z')) {
		*ret = 0;
		return true;
	}
	if (len != 6 || (*text != '+' && *text != '-') || !matches(text + 1, 5, "00:00"))
		return false;
	*ret = (number(text + 1, 2) * 60 + number(text + 4, 2)) * 60;
	if (*text == '-')
		*ret = -*ret;
	return true;
}

bool rfc3339_parse(const char *text, size_t len, int64_t *ret)
{
	struct tm tm = { 0 };
	size_t at = TIME_LEN;
	time_t utc;
	int east;

	if (!matches(text, len, "0000-00-00T00:00:00"))
		return false;
	if (at < len && text[at] == '.')
		for (at++; at < len && isdigit((unsigned char)text[at]);)
			at++;
	if (!parse_zone(text + at, len - at, &east))
		return false;
	tm.tm_year = number(text, 4) - 1900;
	tm.tm_mon = number(text + 5, 2) - 1;
	tm.tm_mday = number(text + 8, 2);
	tm.tm_hour = number(text + 11, 2);
	tm.tm_min = number(text + 14, 2);
	tm.tm_sec = number(text + 17, 2);
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	utc = timegm(&tm);
	if (utc - east < 0)
		return false;
	*ret = utc - east;
	return true;
}

const char *rfc3339_print(int64_t seconds, char ret[RFC3339_MAX])
{
	const time_t t = seconds < 0 ? 0 : seconds > TIME_LATEST ? TIME_LATEST : seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(ret, RFC3339_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return ret;
}

/* The time at the end of @text, and where the '-' before it is. */
static bool find_time(const char *text, size_t len, size_t *ret_end, int64_t *ret)
{
	static const size_t lens[] = { TIME_LEN + 1, TIME_LEN + 6 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		const size_t from = len > lens[i] ? len - lens[i] : 0;

		if (from && text[from - 1] == '-' && rfc3339_parse(text + from, lens[i], ret)) {
			*ret_end = from - 1;
			return true;
		}
	}
	return false;
}

bool kubelet_name_parse(const char *name, struct kubelet_name *ret)
{
	static const char prefix[] = "checkpoint-", suffix[] = ".tar";
	const size_t whole = strlen(name), skip = sizeof(prefix) - 1, tail = sizeof(suffix) - 1;
	struct kubelet_name n = { .pod = name + skip };
	const char *underscore, *rest, *dash;
	size_t len;

	if (whole <= skip + tail || strncmp(name, prefix, skip) != 0 ||
	    strcmp(name + whole - tail, suffix) != 0 ||
	    !find_time(n.pod, whole - skip - tail, &len, &n.time))
		return false;
	underscore = memchr(n.pod, '_', len);
	if (!underscore || underscore == n.pod)
		return false;
	n.pod_len = (size_t)(underscore - n.pod);
	rest = underscore + 1;
	len -= n.pod_len + 1;
	dash = memchr(rest, '-', len);
	if (dash && !memchr(dash + 1, '-', len - (size_t)(dash + 1 - rest))) {
		n.namespace = rest;
		n.namespace_len = (size_t)(dash - rest);
		n.container = dash + 1;
		n.container_len = len - n.namespace_len - 1;
	}
	*ret = n;
	return true;
}
