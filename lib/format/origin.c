/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/origin.h"

#include "base/cursor.h"
#include "base/error.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/criu_wire.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define CRIU_IMG_COMMON_MAGIC 0x54564319u /* criu/include/magic.h */
#define CRIU_CORE_MAGIC       0x55053847u
#define CRIU_INVENTORY_MAGIC  0x58313116u
#define INVENTORY_COMPRESS    15   /* images/inventory.proto of 2026-07: 0 no, 1 pages, 2 regions */
#define CORE_MTYPE_TAG        0x08 /* images/core.proto: required march mtype = 1, a varint */

/* core.proto, enum march, beside uname's word and Go's */
static const struct {
	uint8_t march;
	const char *machine, *go;
} arches[] = {
	{ 1, "x86_64", "amd64" },        { 2, "armv7l", "arm" },      { 3, "aarch64", "arm64" },
	{ 4, "ppc64le", "ppc64le" },     { 5, "s390x", "s390x" },     { 6, "mips64", "mips64le" },
	{ 7, "loongarch64", "loong64" }, { 8, "riscv64", "riscv64" },
};

const char *origin_arch_of(const char *machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (strcmp(arches[i].machine, machine) == 0)
			return arches[i].go;
	return machine;
}

static bool is_core_image(const char *path)
{
	return strncmp(path, "checkpoint/core-", 16) == 0;
}

static bool is_inventory(const char *path)
{
	return strcmp(path, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY) == 0;
}

bool origin_wants(const char *path)
{
	return is_core_image(path) || is_inventory(path) ||
	       strcmp(path_basename(path), "dump.log") == 0;
}

/* Magic of CRIU images, magic of the kind, length of the first record, the record. */
static void look_at_core(struct origin *o, struct cursor c)
{
	uint32_t common, kind, len;
	const uint8_t *field;

	if (o->arch || !cursor_le32(&c, &common) || !cursor_le32(&c, &kind) ||
	    !cursor_le32(&c, &len) || common != CRIU_IMG_COMMON_MAGIC || kind != CRIU_CORE_MAGIC)
		return;
	field = cursor_take(&c, 2);
	if (!field || field[0] != CORE_MTYPE_TAG)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (arches[i].march == field[1])
			o->arch = arches[i].go;
}

/* Its own magic alone, the length of its only record, and in that one inventory_entry.compress. */
static void look_at_inventory(struct origin *o, struct cursor c)
{
	struct wire_field f;
	uint32_t magic, len;

	if (!cursor_le32(&c, &magic) || !cursor_le32(&c, &len) || magic != CRIU_INVENTORY_MAGIC)
		return;
	while (wire_next(&c, &f) > 0)
		if (f.number == INVENTORY_COMPRESS && f.type == WIRE_VARINT && f.value)
			o->compressed = true;
}

/* criu/crtools.c and criu/util.c: "Version: 4.1.1 (gitid 0)", "Running on NODE Linux 6.1.0 #1 ..."
 */
static void look_at_line(struct origin *o, const char *line)
{
	unsigned major, minor, sub = 0;
	char kernel[ORIGIN_TEXT_MAX];
	const char *at = strstr(line, ") Version: ");

	if (at && !o->criu_version && sscanf(at + 11, "%3u.%3u.%3u", &major, &minor, &sub) >= 2 &&
	    minor < 100 && sub < 100)
		o->criu_version = major * 10000 + minor * 100 + sub;
	at = strstr(line, ") Running on ");
	if (!at || o->kernel[0] || sscanf(at + 13, "%*64s %*16s %79s", kernel) != 1)
		return;
	for (const char *k = kernel; *k; k++)
		if (!isascii((unsigned char)*k) || !isgraph((unsigned char)*k))
			return;
	memcpy(o->kernel, kernel, sizeof(kernel));
}

static void look_at_log(struct origin *o, const char *text, size_t n)
{
	char line[256];

	while (n) {
		const char *nl = memchr(text, '\n', n);
		const size_t len = nl ? (size_t)(nl - text) : n;

		if (nl && len < sizeof(line)) {
			memcpy(line, text, len);
			line[len] = '\0';
			look_at_line(o, line);
		}
		text += nl ? len + 1 : len;
		n -= nl ? len + 1 : len;
	}
}

void origin_look(struct origin *o, const char *path, const void *bytes, size_t n)
{
	if (is_core_image(path))
		look_at_core(o, (struct cursor){ .at = bytes, .left = n });
	else if (is_inventory(path))
		look_at_inventory(o, (struct cursor){ .at = bytes, .left = n });
	else
		look_at_log(o, bytes, n);
}
