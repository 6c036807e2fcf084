/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images of CRIU record by record, for tests. */
#ifndef FIRN_TESTS_CRIU_BUILDER_H
#define FIRN_TESTS_CRIU_BUILDER_H

#include "base/buf.h"
#include "base/fd.h"

/* Protobuf: numbers, and messages or texts. */
static inline void put_varint(struct buf *b, uint64_t v)
{
	uint8_t byte;

	do {
		byte = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		buf_put(b, &byte, 1);
		v >>= 7;
	} while (v);
}

static inline void put_number(struct buf *b, unsigned member, uint64_t v)
{
	put_varint(b, member << 3);
	put_varint(b, v);
}

static inline void put_bytes(struct buf *b, unsigned member, const void *bytes, size_t n)
{
	put_varint(b, member << 3 | 2);
	put_varint(b, n);
	buf_put(b, bytes, n);
}

static inline void put_u32(struct buf *b, uint32_t v)
{
	const uint8_t bytes[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
				   (uint8_t)(v >> 24) };

	buf_put(b, bytes, 4);
}

static inline void put_record(struct buf *image, const struct buf *record)
{
	put_u32(image, (uint32_t)record->len);
	buf_put(image, record->data, record->len);
}

static inline void put_magic(struct buf *image, uint32_t magic)
{
	put_u32(image, 0x54564319);
	put_u32(image, magic);
}

/* Numbers of the members 1, 2, ... one behind the other. */
static inline void record_of(struct buf *image, const uint64_t *numbers, size_t n)
{
	_buf_ struct buf r = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		put_number(&r, (unsigned)i + 1, numbers[i]);
	put_record(image, &r);
}
#define RECORD(image, ...)                                                                         \
	record_of(image, (const uint64_t[]){ __VA_ARGS__ },                                        \
		  sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

#endif
