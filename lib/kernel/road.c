/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/road.h"

#include "base/error.h"

const char *road_name(enum road r)
{
	static const char *const names[] = {
		[ROAD_FILE_DIRECTIO] = "erofs-file-directio",
		[ROAD_FILE] = "erofs-file",
		[ROAD_LOOP] = "erofs-loop",
		[ROAD_FUSE] = "fuse",
		[ROAD_REFLINK] = "reflink",
		[ROAD_COPY] = "copy",
	};

	return r < ARRAY_SIZE(names) && names[r] ? names[r] : "none";
}
