/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/tar_private.h"

#include <string.h>

/* The fields of a header block, by offset and width (POSIX.1-2008 pax; GNU tar's tar.h; star(5)).
 */
enum {
	AT_NAME = 0,
	NAME_LEN = 100,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	SHORT_LEN = 8,
	AT_SIZE = 124,
	AT_MTIME = 136,
	LONG_LEN = 12,
	AT_CHECKSUM = 148,
	AT_TYPE = 156,
	AT_LINK = 157,
	LINK_LEN = 100,
	AT_MAGIC = 257,
	AT_MAJOR = 329,
	AT_MINOR = 337,
	AT_PREFIX = 345,
	PREFIX_LEN = 155,
	STAR_PREFIX_LEN = 131, /* star keeps two times behind it and "tar\0" at the very end */
	AT_STAR = 508,
};

static int header_corrupt(struct firn_error *err, const char *why)
{
	return firn_fail(err, FIRN_ECORRUPT, "%s", why);
}

/* GNU's base-256: two's complement, big endian, the first bit is the mark and not part of it. */
static bool number_binary(const uint8_t *p, size_t n, int64_t *ret)
{
	bool negative = p[0] & 0x40;
	uint8_t flip = negative ? 0xff : 0;
	uint64_t v = (uint64_t)((p[0] ^ flip) & 0x7f);

	for (size_t i = 1; i < n; i++) {
		if (v >> 55)
			return false;
		v = v << 8 | (uint8_t)(p[i] ^ flip);
	}
	if (v > INT64_MAX)
		return false;
	*ret = negative ? -(int64_t)v - 1 : (int64_t)v;
	return true;
}

/* Octal digits between blanks and NULs; nothing at all is 0, as old writers mean it. */
static bool number_octal(const uint8_t *p, size_t n, int64_t *ret)
{
	size_t i = 0;
	int64_t v = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\0'))
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v * 8 + (p[i] - '0');
	if (i < n && p[i] != ' ' && p[i] != '\0')
		return false;
	*ret = v;
	return true;
}

static bool number(const uint8_t *block, size_t at, size_t n, int64_t *ret)
{
	const uint8_t *p = block + at;

	return p[0] & 0x80 ? number_binary(p, n, ret) : number_octal(p, n, ret);
}

/* Of all bytes, the checksum's own counted as blanks. Some writers of old took them as signed. */
static bool checksum_holds(const uint8_t *block)
{
	int64_t want, sum = 0, too_much = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	for (size_t i = AT_CHECKSUM; i < AT_CHECKSUM + SHORT_LEN; i++)
		sum += ' ' - block[i];
	if (!number_octal(block + AT_CHECKSUM, SHORT_LEN, &want))
		return false;
	if (want == sum)
		return true;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		too_much += block[i] & 0x80 ? 256 : 0;
	for (size_t i = AT_CHECKSUM; i < AT_CHECKSUM + SHORT_LEN; i++)
		too_much -= block[i] & 0x80 ? 256 : 0;
	return want == sum - too_much;
}

static size_t text(const uint8_t *block, size_t at, size_t n, char *ret)
{
	size_t len = strnlen((const char *)block + at, n);

	memcpy(ret, block + at, len);
	ret[len] = '\0';
	return len;
}

/* GNU's magic ("ustar  ") means that other things stand where the prefix would be. */
static void name_text(const uint8_t *block, char *ret)
{
	bool star = memcmp(block + AT_STAR, "tar", 4) == 0;
	size_t len = 0;

	if (memcmp(block + AT_MAGIC, "ustar", 6) == 0)
		len = text(block, AT_PREFIX, star ? STAR_PREFIX_LEN : PREFIX_LEN, ret);
	if (len)
		ret[len++] = '/';
	text(block, AT_NAME, NAME_LEN, ret + len);
}

static bool all_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

int tar_header_parse(const uint8_t block[TAR_BLOCK], struct tar_header *ret, struct firn_error *err)
{
	struct tar_header h = { .type = (char)block[AT_TYPE] };
	int64_t mode;

	if (all_zero(block))
		return 0;
	if (!checksum_holds(block))
		return header_corrupt(err, "wrong checksum");
	if (!number(block, AT_SIZE, LONG_LEN, &h.size) || h.size < 0)
		return header_corrupt(err, "bad size");
	if (!number(block, AT_MODE, SHORT_LEN, &mode))
		return header_corrupt(err, "bad mode");
	if (!number(block, AT_UID, SHORT_LEN, &h.uid) || !number(block, AT_GID, SHORT_LEN, &h.gid))
		return header_corrupt(err, "bad owner");
	if (!number(block, AT_MTIME, LONG_LEN, &h.mtime))
		return header_corrupt(err, "bad time");
	if ((h.type == '3' || h.type == '4') && (!number(block, AT_MAJOR, SHORT_LEN, &h.major) ||
						 !number(block, AT_MINOR, SHORT_LEN, &h.minor)))
		return header_corrupt(err, "bad device number");
	h.mode = (uint32_t)mode & 07777;
	name_text(block, h.name);
	text(block, AT_LINK, LINK_LEN, h.link);
	*ret = h;
	return 1;
}
