/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files that areas map, by name. For lib/memory alone. */
#ifndef FIRN_MEMORY_MAPPED_H
#define FIRN_MEMORY_MAPPED_H

#include "format/criu_memory.h"

#define NAMES_BYTES_MAX (4u << 20) /* of one process' paths; files beyond have none */

struct mapped {
	struct name {
		uint32_t id;
		char *path; /* NULL: not known */
	} * list;           /* by id, some more than once */
	size_t n, bytes;
};

int mapped_load(struct mapped *mapped, struct criu_images *images, const struct criu_mm *mm,
		struct firn_error *err) _must_check_;
void mapped_done(struct mapped *mapped);
/* The file of @a, or NULL. */
const char *mapped_path(const struct mapped *mapped, const struct criu_area *a);

#endif
