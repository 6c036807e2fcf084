/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Members of the real checkpoints in tests/data, for tests of modules that know no archives. Just
 * enough of tar for those files: uncompressed, short names.
 */
#ifndef FIRN_TESTS_SAMPLE_H
#define FIRN_TESTS_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample {
	uint8_t *bytes;
	size_t size;
};

static inline struct sample sample_open(const char *name)
{
	const char *top = getenv("top_srcdir");
	struct sample s = { 0 };
	char path[4096];
	long size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/data/%s", top ? top : ".", name);
	f = fopen(path, "rb");
	if (!f)
		return s;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	s.bytes = malloc((size_t)size);
	if (s.bytes)
		s.size = fread(s.bytes, 1, (size_t)size, f);
	fclose(f);
	return s;
}

/* The member's bytes, borrowed from @s; NULL when it isn't there. */
static inline const uint8_t *sample_member(const struct sample *s, const char *name, size_t *ret)
{
	size_t at = 0;

	while (at + 512 <= s->size && s->bytes[at]) {
		const char *header = (const char *)s->bytes + at;
		const size_t size = strtoul(header + 124, NULL, 8);

		at += 512;
		if (strncmp(header, name, 100) == 0 && size <= s->size - at) {
			*ret = size;
			return s->bytes + at;
		}
		at += (size + 511) / 512 * 512;
	}
	return NULL;
}

#endif
