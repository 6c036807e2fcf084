/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All reading of bytes from outside: one place does the pointer arithmetic. Each call returns false
 * (or NULL) and moves nothing when the bytes aren't there.
 */
#ifndef FIRN_BASE_CURSOR_H
#define FIRN_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *at;
	size_t left;
};

static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->at;

	if (n > c->left)
		return NULL;
	c->at += n;
	c->left -= n;
	return p;
}

static inline bool cursor_le16(struct cursor *c, uint16_t *ret)
{
	const uint8_t *p = cursor_take(c, 2);

	if (!p)
		return false;
	*ret = (uint16_t)(p[0] | p[1] << 8);
	return true;
}

static inline bool cursor_le32(struct cursor *c, uint32_t *ret)
{
	const uint8_t *p = cursor_take(c, 4);

	if (!p)
		return false;
	*ret = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	return true;
}

static inline bool cursor_le64(struct cursor *c, uint64_t *ret)
{
	uint32_t lo, hi;
	struct cursor was = *c;

	if (!cursor_le32(c, &lo) || !cursor_le32(c, &hi)) {
		*c = was;
		return false;
	}
	*ret = (uint64_t)hi << 32 | lo;
	return true;
}

#endif
