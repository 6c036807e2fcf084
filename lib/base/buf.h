/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A byte buffer that grows. It remembers the first failed allocation (buf.oom) and ignores every
 * call after it, so that a long run of puts needs one check at its end: buf_check().
 */
#ifndef FIRN_BASE_BUF_H
#define FIRN_BASE_BUF_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* data[len] is always NUL once something was put */
	size_t len, cap;
	bool oom;
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		0                                                                                  \
	}

void buf_done(struct buf *b);
#define _buf_ _cleanup_(buf_done)

void buf_put(struct buf *b, const void *bytes, size_t n);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
void buf_fill(struct buf *b, int byte, size_t n);
/* Zero bytes up to the next multiple of @align (a power of two). */
void buf_align(struct buf *b, size_t align);
void buf_le16(struct buf *b, uint16_t v);
void buf_le32(struct buf *b, uint32_t v);
void buf_le64(struct buf *b, uint64_t v);
/* Forget the content, keep the memory. */
void buf_reset(struct buf *b);
/* The bytes, which the caller frees; @b is empty again. NULL when out of memory. */
char *buf_steal(struct buf *b);

/* 0, or -FIRN_ENOMEM if any call before failed. */
int buf_check(const struct buf *b, struct firn_error *err) _must_check_;

static inline void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

#endif
