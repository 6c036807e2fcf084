/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "units.h"

#include "util.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct unit {
	char letter;
	uint64_t times;
};

static const struct unit ages[] = {
	{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 }, { 0, 0 },
};
static const struct unit sizes[] = {
	{ 'K', 1ull << 10 },
	{ 'M', 1ull << 20 },
	{ 'G', 1ull << 30 },
	{ 'T', 1ull << 40 },
	{ 0, 0 },
};

static bool parse(const char *text, const struct unit *units, uint64_t *ret)
{
	const struct unit *u = units;
	char *end;
	uint64_t n;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (!*end) {
		*ret = n;
		return true;
	}
	while (u->letter && u->letter != *end)
		u++;
	return u->letter && !end[1] && !__builtin_mul_overflow(n, u->times, ret);
}

int units_age(const char *text, uint64_t *ret, struct firn_error *err)
{
	*ret = 0;
	if (!text || parse(text, ages, ret))
		return 0;
	return fail(err, FIRN_EINVAL, "\"%s\" is no age: 90s, 15m, 12h, 7d or 2w", text);
}

int units_size(const char *text, uint64_t *ret, struct firn_error *err)
{
	*ret = 0;
	if (!text || parse(text, sizes, ret))
		return 0;
	return fail(err, FIRN_EINVAL, "\"%s\" is no size: 4096, 512K, 20M, 10G or 2T", text);
}
