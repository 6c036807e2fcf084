/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/ustar.h"

#include "base/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Offsets of struct posix_header's fields */
enum {
	AT_NAME = 0,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_SUM = 148,
	AT_TYPE = 156,
	AT_LINK = 157,
	AT_MAGIC = 257,
	AT_MAJOR = 329,
	AT_MINOR = 337,
	AT_PREFIX = 345,
};

enum ustar_type ustar_type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return USTAR_FILE;
	case S_IFDIR:
		return USTAR_DIR;
	case S_IFLNK:
		return USTAR_SYMLINK;
	case S_IFCHR:
		return USTAR_CHAR;
	case S_IFBLK:
		return USTAR_BLOCKDEV;
	default:
		return USTAR_FIFO;
	}
}

#define NUMBER 8u  /* bytes of mode, uid, gid, major, minor */
#define LARGE  12u /* bytes of size and mtime */

/* The largest value of @width - 1 octal digits. */
static uint64_t octal_max(size_t width)
{
	return (UINT64_C(1) << (3 * (width - 1))) - 1;
}

/* Octal digits and a NUL; else, as GNU tar and star do, big-endian binary with the top bit set. */
static void put_number(uint8_t *field, size_t width, int64_t value)
{
	if (value >= 0 && (uint64_t)value <= octal_max(width)) {
		for (size_t i = width - 1; i-- > 0; value >>= 3)
			field[i] = (uint8_t)('0' + (value & 7));
		return;
	}
	for (size_t i = width; i-- > 0; value >>= 8)
		field[i] = (uint8_t)value;
	field[0] |= 0x80;
}

/* Where a name of more than 100 bytes is cut into prefix and rest, or 0. */
static size_t split_at(const char *name, size_t len)
{
	for (size_t i = 1; i <= USTAR_PREFIX && i + 1 < len; i++)
		if (name[i] == '/' && len - i - 1 <= USTAR_NAME)
			return i;
	return 0;
}

static bool name_fits(const char *name)
{
	size_t len = strlen(name);

	return len <= USTAR_NAME || split_at(name, len) > 0;
}

static void put_name(uint8_t *block, const char *name)
{
	size_t len = strlen(name), cut = len > USTAR_NAME ? split_at(name, len) : 0;

	if (cut) {
		memcpy(block + AT_PREFIX, name, cut);
		name += cut + 1;
	}
	memcpy(block + AT_NAME, name, strnlen(name, USTAR_NAME));
}

void ustar_put(struct buf *out, const struct ustar *m)
{
	uint8_t block[USTAR_BLOCK] = { 0 };
	uint32_t sum = 0;

	put_name(block, m->name);
	put_number(block + AT_MODE, NUMBER, m->mode);
	put_number(block + AT_UID, NUMBER, m->uid);
	put_number(block + AT_GID, NUMBER, m->gid);
	put_number(block + AT_SIZE, LARGE, (int64_t)m->size);
	put_number(block + AT_MTIME, LARGE, m->mtime);
	block[AT_TYPE] = (uint8_t)m->type;
	if (m->link)
		memcpy(block + AT_LINK, m->link, strnlen(m->link, USTAR_NAME));
	memcpy(block + AT_MAGIC,
	       "ustar\0"
	       "00",
	       8);
	put_number(block + AT_MAJOR, NUMBER, m->major);
	put_number(block + AT_MINOR, NUMBER, m->minor);
	memset(block + AT_SUM, ' ', NUMBER);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += block[i];
	put_number(block + AT_SUM, NUMBER - 1, sum); /* six digits, NUL, space */
	block[AT_SUM + NUMBER - 2] = '\0';
	buf_put(out, block, sizeof(block));
}

static size_t digits(size_t n)
{
	size_t d = 1;

	while (n >= 10) {
		n /= 10;
		d++;
	}
	return d;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts its own digits. */
static void put_record(struct buf *out, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3, all = rest + digits(rest);

	if (digits(all) > digits(rest))
		all++;
	buf_printf(out, "%zu %s=", all, key);
	buf_put(out, value, len);
	buf_puts(out, "\n");
}

static void put_text(struct buf *out, const char *key, const char *value)
{
	put_record(out, key, value, strlen(value));
}

static void put_decimal(struct buf *out, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_text(out, key, text);
}

static void put_time(struct buf *out, const struct ustar *m)
{
	char text[48];
	int n = snprintf(text, sizeof(text), "%" PRId64, m->mtime);

	if (m->mtime_ns) {
		n += snprintf(text + n, sizeof(text) - (size_t)n, ".%09" PRIu32, m->mtime_ns);
		while (text[n - 1] == '0')
			text[--n] = '\0';
	}
	put_text(out, "mtime", text);
}

static int put_xattrs(struct buf *out, const struct xattr *x, struct firn_error *err)
{
	char key[sizeof("SCHILY.xattr.") + TREE_XATTR_NAME_MAX], quoted[PATH_QUOTE_MAX];

	for (; x; x = x->next) {
		if (strchr(x->name, '='))
			return firn_fail(err, FIRN_EUNSUPP, "xattr %s: tar can't hold its name",
					 path_quote(x->name, quoted));
		snprintf(key, sizeof(key), "SCHILY.xattr.%s", x->name);
		put_record(out, key, x->value, x->len);
	}
	return 0;
}

int pax_put_records(struct buf *out, const struct ustar *m, struct firn_error *err)
{
	int rc;

	if (!name_fits(m->name))
		put_text(out, "path", m->name);
	if (m->link && strlen(m->link) > USTAR_NAME)
		put_text(out, "linkpath", m->link);
	if (m->size > octal_max(LARGE))
		put_decimal(out, "size", m->size);
	if (m->uid > octal_max(NUMBER))
		put_decimal(out, "uid", m->uid);
	if (m->gid > octal_max(NUMBER))
		put_decimal(out, "gid", m->gid);
	if (m->mtime_ns || m->mtime < 0 || (uint64_t)m->mtime > octal_max(LARGE))
		put_time(out, m);
	rc = put_xattrs(out, m->xattrs, err);
	if (rc < 0)
		return rc;
	if (out->len > PAX_RECORDS_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "its xattrs are too many for tar readers");
	return buf_check(out, err);
}

void pax_begin_comment(struct buf *out, size_t bytes)
{
	buf_printf(out, "%zu comment=", bytes);
}

void pax_put_comment(struct buf *out, size_t bytes)
{
	size_t end = out->len + bytes;

	pax_begin_comment(out, bytes);
	if (!out->oom)
		buf_fill(out, ' ', end - 1 - out->len);
	buf_puts(out, "\n");
}
