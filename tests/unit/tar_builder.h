/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes tar archives header by header for the tests, also such as no writer would make. Numbers are
 * octal unless they don't fit.
 */
#ifndef FIRN_TESTS_TAR_BUILDER_H
#define FIRN_TESTS_TAR_BUILDER_H

#include "base/buf.h"
#include "base/fd.h"
#include "format/tar.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

struct tar_member {
	const char *name, *link, *data;
	int64_t size; /* 0: the length of data */
	int64_t uid, gid, mtime, major, minor;
	uint32_t mode; /* 0: 0644 */
	char type;     /* NUL is a type: old_type says that it is meant, else it stands for '0' */
	bool old_type;
	const char *magic; /* 8 bytes; NULL: POSIX */
	const char *prefix;
	size_t data_len; /* 0: strlen(data) */
};

#define MAGIC_GNU "ustar  "
#define MAGIC_V7  "\0\0\0\0\0\0\0"

static inline void build_number(uint8_t *at, size_t n, int64_t v)
{
	char digits[32];

	if (v >= 0 && (n >= 22 || v < (int64_t)1 << (3 * (n - 1)))) {
		snprintf(digits, sizeof(digits), "%0*llo", (int)n - 1, (unsigned long long)v);
		memcpy(at, digits, n);
		return;
	}
	for (size_t i = n; i-- > 0; v >>= 8)
		at[i] = (uint8_t)v;
	at[0] |= 0x80;
}

static inline void build_checksum(uint8_t *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	h[155] = ' ';
}

/* The header of @m alone, at the end of @b. Returns where it is, for what comes next. */
static inline uint8_t *build_header(struct buf *b, const struct tar_member *m)
{
	size_t len = m->data_len ? m->data_len : m->data ? strlen(m->data) : 0;
	uint8_t *h;

	buf_fill(b, 0, 512);
	h = b->data + b->len - 512;
	memcpy(h, m->name, strnlen(m->name, 100));
	build_number(h + 100, 8, m->mode ? m->mode : 0644);
	build_number(h + 108, 8, m->uid);
	build_number(h + 116, 8, m->gid);
	build_number(h + 124, 12, m->size ? m->size : (int64_t)len);
	build_number(h + 136, 12, m->mtime);
	h[156] = (uint8_t)(m->type || m->old_type ? m->type : '0');
	if (m->link)
		memcpy(h + 157, m->link, strnlen(m->link, 100));
	memcpy(h + 257, m->magic ? m->magic : "ustar\00000", 8);
	if (m->type == '3' || m->type == '4') {
		build_number(h + 329, 8, m->major);
		build_number(h + 337, 8, m->minor);
	}
	if (m->prefix)
		memcpy(h + 345, m->prefix, strnlen(m->prefix, 155));
	build_checksum(h);
	return h;
}

static inline void build_data(struct buf *b, const void *data, size_t n)
{
	buf_put(b, data, n);
	buf_fill(b, 0, -n & 511);
}

static inline void build_member(struct buf *b, const struct tar_member *m)
{
	build_header(b, m);
	if (m->data)
		build_data(b, m->data, m->data_len ? m->data_len : strlen(m->data));
}

#define MEMBER(b, ...) build_member(b, &(const struct tar_member){ __VA_ARGS__ })

/* One pax record at the end of @records. */
static inline void build_record(struct buf *records, const char *key, const void *value, size_t n)
{
	size_t bare = strlen(key) + n + 3, length = bare + 1;
	char digits[24];

	while (length < bare + (size_t)snprintf(digits, sizeof(digits), "%zu", length))
		length++;
	buf_printf(records, "%zu %s=", length, key);
	buf_put(records, value, n);
	buf_put(records, "\n", 1);
}

static inline void build_extra(struct buf *b, char type, const void *data, size_t n)
{
	build_member(b, &(const struct tar_member){ .name = "extra",
						    .type = type,
						    .data = data,
						    .data_len = n,
						    .magic = type == 'L' || type == 'K' ? MAGIC_GNU
											: NULL });
}

/* An extended header with KEY, VALUE pairs up to a NULL. */
static inline void build_pax(struct buf *b, const char *const *pairs)
{
	_buf_ struct buf records = BUF_INIT;

	for (; *pairs; pairs += 2)
		build_record(&records, pairs[0], pairs[1], strlen(pairs[1]));
	build_extra(b, 'x', records.data, records.len);
}

#define PAX(b, ...) build_pax(b, (const char *const[]){ __VA_ARGS__, NULL })

static inline void build_end(struct buf *b)
{
	buf_fill(b, 0, 1024);
	ck_assert(!b->oom);
}

static char long_name[5001]; /* "nnn.../nnn.../..." */
static char deep_name[4000]; /* "a/a/a/...": 2000 components */

static inline void make_names(void)
{
	/* such that the last 256 bytes are 155, a slash and 100: what ustar has room for */
	for (size_t i = 0; i < sizeof(long_name) - 1; i++)
		long_name[i] = i % 101 == 51 ? '/' : 'n';
	for (size_t i = 0; i < sizeof(deep_name) - 1; i++)
		deep_name[i] = i % 2 ? '/' : 'a';
}

/* The last @n bytes of long_name. */
#define NAME(n) (long_name + sizeof(long_name) - 1 - (n))

/* All entries of an archive, by offset or as a stream. Returns what tar_next() said last. */
static inline int read_all(const struct buf *b, bool stream, const struct tar_limits *limits,
			   struct tar_entry *ret_last, int *ret_count, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *t = NULL;
	struct istream *in = NULL;
	struct source *src = NULL;
	const struct tar_entry *e;
	int rc;

	*ret_count = 0;
	if (stream) {
		ck_ok(istream_from_mem(b->data, b->len, &in, err), *err);
		rc = tar_open_stream(in, limits, &t, err);
	} else {
		ck_ok(source_from_mem(b->data, b->len, &src, err), *err);
		rc = tar_open_source(src, limits, &t, err);
	}
	while (rc == 0 && (rc = tar_next(t, &e, err)) > 0) {
		if (ret_last) {
			free(ret_last->path);
			free(ret_last->target);
			*ret_last = *e;
			ret_last->xattrs = NULL;
			ret_last->path = strdup(e->path);
			ret_last->target = e->target ? strdup(e->target) : NULL;
		}
		++*ret_count;
		rc = 0;
	}
	if (rc < 0 && t) {
		struct firn_error again = { 0 };

		ck_assert_int_eq(tar_next(t, &e, &again), rc);
		ck_assert_str_eq(again.msg, err->msg);
	} else if (t) {
		ck_assert_int_eq(tar_next(t, &e, err), 0);
	}
	tar_closep(&t);
	istream_close(in);
	source_close(src);
	return rc;
}

#endif
