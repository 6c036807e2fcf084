/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU images: the input is taken for one image and stands for that image in a folder of otherwise
 * good ones; which one it is, its magic says. The same bytes are read as a log.
 */
#include "format/criu.h"
#include "base/fd.h"
#include "format/criu_log.h"
#include "format/criu_pages.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COMMON "\x19\x43\x56\x54"

static const struct image {
	const char *name, *magic, *good;
	size_t len;
} good[] = {
#define GOOD(name, magic, records)                                                                 \
	{                                                                                          \
		name, magic, magic records, sizeof(magic records) - 1                              \
	}
	GOOD("inventory.img", "\x16\x31\x31\x58", "\4\0\0\0\x1a\2\x28\1"),
	GOOD("pstree.img", COMMON "\x30\x30\x27\x50", "\2\0\0\0\x08\1"),
	GOOD("ids-1.img", COMMON "\x30\x20\x43\x54", "\2\0\0\0\x28\x09"),
	GOOD("fs-1.img", COMMON "\x12\x39\x40\x51", "\4\0\0\0\x08\6\x10\7"),
	GOOD("files.img", COMMON "\x38\x31\x30\x56", ""),
	GOOD("pagemap-1.img", COMMON "\x25\x40\x08\x56", "\2\0\0\0\x08\1"),
	{ "pages-1.img", "none", "1234", 4 },
};

struct images {
	struct criu_images base;
	const uint8_t *data;
	size_t size;
};

static int open_image(struct criu_images *base, const char *name, struct source **ret,
		      struct firn_error *err)
{
	const struct images *images = (const struct images *)base;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const size_t magic = strlen(good[i].magic);
		int rc;

		if (strcmp(name, good[i].name) != 0)
			continue;
		if (images->size >= magic && memcmp(images->data, good[i].magic, magic) == 0)
			rc = source_from_mem(images->data, images->size, ret, err);
		else
			rc = source_from_mem(good[i].good, good[i].len, ret, err);
		return rc < 0 ? rc : 1;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct images images = { { open_image }, data, size };
	const struct criu_dump dumps[2] = { { &images.base, "checkpoint" },
					    { &images.base, "pre-checkpoint" } };
	struct criu_log log = { 0 };
	struct criu_info info = { 0 };
	struct firn_error err;

	if (criu_inspect(&images.base, &info, &err) == 0 && info.root_pid == 0)
		abort();
	(void)!criu_pages_check_all(dumps, 2, 4096, &err);
	criu_log_feed(&log, data, size);
	if (criu_log_finish(&log) && !*log.text)
		abort();
	return 0;
}
