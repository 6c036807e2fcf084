/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

static bool buf_reserve(struct buf *b, size_t n)
{
	size_t need, cap = b->cap ? b->cap : 256;
	uint8_t *grown;

	if (b->oom || __builtin_add_overflow(b->len, n, &need) ||
	    __builtin_add_overflow(need, 1, &need)) {
		b->oom = true;
		return false;
	}
	if (need <= b->cap)
		return true;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	grown = realloc(b->data, cap);
	if (!grown) {
		b->oom = true;
		return false;
	}
	b->data = grown;
	b->cap = cap;
	return true;
}

void buf_put(struct buf *b, const void *bytes, size_t n)
{
	if (!buf_reserve(b, n))
		return;
	if (n)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void buf_fill(struct buf *b, int byte, size_t n)
{
	if (!buf_reserve(b, n))
		return;
	memset(b->data + b->len, byte, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_align(struct buf *b, size_t align)
{
	size_t over = b->len & (align - 1);

	if (over)
		buf_fill(b, 0, align - over);
}

void buf_le16(struct buf *b, uint16_t v)
{
	uint8_t le[2];

	put_le16(le, v);
	buf_put(b, le, sizeof(le));
}

void buf_le32(struct buf *b, uint32_t v)
{
	uint8_t le[4];

	put_le32(le, v);
	buf_put(b, le, sizeof(le));
}

void buf_le64(struct buf *b, uint64_t v)
{
	uint8_t le[8];

	put_le64(le, v);
	buf_put(b, le, sizeof(le));
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->oom = false;
	if (b->data)
		b->data[0] = '\0';
}

char *buf_steal(struct buf *b)
{
	char *bytes = NULL;

	if (!b->oom) {
		buf_put(b, "", 0);
		if (!b->oom)
			bytes = (char *)b->data;
	}
	if (!bytes)
		free(b->data);
	*b = (struct buf)BUF_INIT;
	return bytes;
}

int buf_check(const struct buf *b, struct firn_error *err)
{
	return b->oom ? firn_fail(err, FIRN_ENOMEM, "out of memory") : 0;
}
