/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/opts.h"

#include <string.h>

int opts_take(const void *given, void *ret, size_t known, struct firn_error *err)
{
	size_t size = known;

	memset(ret, 0, known);
	if (given) {
		memcpy(&size, given, sizeof(size));
		if (size < sizeof(size))
			return firn_fail(err, FIRN_EINVAL, "options of %zu bytes: size isn't set",
					 size);
		for (size_t i = known; i < size; i++)
			if (((const char *)given)[i])
				return firn_fail(err, FIRN_EUNSUPP,
						 "an option that this version of libfirn doesn't "
						 "know");
		memcpy(ret, given, size < known ? size : known);
	}
	memcpy(ret, &known, sizeof(known));
	return 0;
}

int opts_check_flags(unsigned flags, unsigned known, struct firn_error *err)
{
	if (!(flags & ~known))
		return 0;
	return firn_fail(err, FIRN_EINVAL, "unknown flags %#x", flags & ~known);
}
