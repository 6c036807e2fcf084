/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/base64.h"

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

void base64_encode(const void *bytes, size_t n, struct buf *out)
{
	const uint8_t *in = bytes;

	for (size_t i = 0; i < n; i += 3) {
		const size_t left = n - i;
		const uint32_t group = (uint32_t)in[i] << 16 |
				       (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				       (left > 2 ? (uint32_t)in[i + 2] : 0);
		const char four[] = { digits[group >> 18], digits[group >> 12 & 63],
				      left > 1 ? digits[group >> 6 & 63] : '=',
				      left > 2 ? digits[group & 63] : '=' };

		buf_put(out, four, sizeof(four));
	}
}
