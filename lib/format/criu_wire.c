/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_wire.h"

/* Seven bits a byte, the lowest first; ten bytes at most, the last of them 0 or 1. */
bool wire_varint(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint8_t *b = cursor_take(c, 1);

		if (!b || (shift == 63 && *b > 1))
			return false;
		v |= (uint64_t)(*b & 0x7f) << shift;
		if (*b < 0x80) {
			*ret = v;
			return true;
		}
	}
	return false;
}

int wire_next(struct cursor *c, struct wire_field *ret)
{
	uint64_t key, len = 0;

	if (c->left == 0)
		return 0;
	if (!wire_varint(c, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3)
		return -1;
	*ret = (struct wire_field){ .number = (uint32_t)(key >> 3) };
	switch (key & 7) {
	case WIRE_VARINT:
		ret->type = WIRE_VARINT;
		return wire_varint(c, &ret->value) ? 1 : -1;
	case WIRE_I64:
		ret->type = WIRE_I64;
		return cursor_take(c, 8) ? 1 : -1;
	case WIRE_I32:
		ret->type = WIRE_I32;
		return cursor_take(c, 4) ? 1 : -1;
	case WIRE_LEN:
		ret->type = WIRE_LEN;
		if (!wire_varint(c, &len) || len > c->left)
			return -1;
		ret->bytes = (struct cursor){ cursor_take(c, (size_t)len), (size_t)len };
		return 1;
	default:
		return -1;
	}
}
