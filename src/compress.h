/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What --compress and --threads say, of layers. */
#ifndef FIRN_SRC_COMPRESS_H
#define FIRN_SRC_COMPRESS_H

#include "command.h"

#define COMPRESS_OPTIONS(type, text, number, help)                                                 \
	OPT_STR('z', "compress", type, text, "zstd[:LEVEL]", help),                                \
	    OPT_UINT(                                                                              \
		0, "threads", type, number, 1, 16, "N",                                            \
		"Threads that compress, instead of one for each processor; the result is the "     \
		"same")

/*
 * @text is "zstd", "zstd:LEVEL", "none" or NULL: 1 and the level (0: not said), 0 when nothing is
 * to be compressed, or misuse.
 */
int compress_parse(struct app *app, const char *text, uint64_t threads, int *ret_level,
		   struct firn_error *err);

#endif
