/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin.h"

#include <stdio.h>
#include <string.h>

bool plugin_asked(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	if (argc != 2 || strcmp(slash ? slash + 1 : argv[0], PLUGIN_NAME) != 0 ||
	    strcmp(argv[1], "--plugin-description") != 0)
		return false;
	puts("Turn checkpoints into OCI images that mount without extraction, and back");
	return true;
}
