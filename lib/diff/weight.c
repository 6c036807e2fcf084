/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diff/weight.h"

#include "base/path.h"

#include <string.h>

#define BLOCK 4096u

uint64_t weigh_file(uint64_t bytes)
{
	return bytes > UINT64_MAX - BLOCK ? bytes : (bytes + BLOCK - 1) / BLOCK * BLOCK;
}

static bool is_memory(const char *path)
{
	return strncmp(path_basename(path), "pages-", 6) == 0;
}

uint64_t weigh_images(const struct members *m)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < members_count(m); k++) {
		const struct member f = members_at(m, k);

		/* The filesystem delta, in what form ever, is counted by its entries. */
		if (f.kind == MEMBER_FILE && !is_memory(f.path) &&
		    strcmp(f.path, "rootfs-diff.tar") != 0 && strcmp(f.path, "deleted.files") != 0)
			sum += weigh_file(f.size);
	}
	return sum;
}

uint64_t weigh_pages(const struct members *m)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < members_count(m); k++) {
		const struct member f = members_at(m, k);

		if (f.kind == MEMBER_FILE && is_memory(f.path))
			sum += f.size;
	}
	return sum;
}
