/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_decode(const char *text, struct buf *out)
{
	const size_t len = strlen(text);
	size_t used = len;

	if (len % 4 != 0)
		return false;
	while (used > 0 && len - used < 2 && text[used - 1] == '=')
		used--;
	for (size_t i = 0; i < used; i += 4) {
		const size_t n = used - i < 4 ? used - i : 4;
		uint32_t group = 0;

		for (size_t k = 0; k < 4; k++) {
			const char *at = k < n ? strchr(digits, text[i + k]) : digits;

			if (!at)
				return false;
			group = group << 6 | (uint32_t)(at - digits);
		}
		/* The bits that no byte is made of are zero, or there were two ways to write it. */
		if (n < 4 && group << (8 * (n - 1)) & 0xffffff)
			return false;
		for (size_t k = 0; k + 1 < n; k++)
			buf_put(out, &(uint8_t){ (uint8_t)(group >> (16 - 8 * k)) }, 1);
	}
	return true;
}
