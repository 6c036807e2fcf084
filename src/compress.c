/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "compress.h"

#include <stdlib.h>
#include <string.h>

int compress_parse(struct app *app, const char *text, uint64_t threads, int *ret_level,
		   struct firn_error *err)
{
	unsigned long level = 0;
	char *end = NULL;

	*ret_level = 0;
	if (!text && threads)
		return misuse(app, err, "--threads is for --compress alone");
	if (!text || strcmp(text, "none") == 0)
		return 0;
	if (strcmp(text, "zstd") == 0)
		return 1;
	if (strncmp(text, "zstd:", 5) == 0 && text[5] >= '1' && text[5] <= '9')
		level = strtoul(text + 5, &end, 10);
	if (!end || *end || level > 22)
		return misuse(app, err, "--compress %s: has to be zstd or zstd:LEVEL, from 1 to 22",
			      text);
	*ret_level = (int)level;
	return 1;
}
