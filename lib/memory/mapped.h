/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What areas map: the names of files, and the memory behind those that are memfds, which what
 * processes share without a file is to CRIU as well. For lib/memory alone.
 */
#ifndef FIRN_MEMORY_MAPPED_H
#define FIRN_MEMORY_MAPPED_H

#include "format/criu_memory.h"

#define MAPPED_NAMES_MAX (4u << 20) /* bytes of one process' paths; files beyond have none */

struct mapped_file {
	uint32_t id;
	uint32_t memfd; /* 0: it is none */
	bool has_segment;
	uint32_t segment; /* of shared memory: pagemap-shmem-@segment.img */
	char *path;       /* NULL: not known */
};

struct mapped {
	struct mapped_file *files; /* by id */
	size_t n, bytes;
	struct mapped_file **memfds; /* by memfd */
	size_t nmemfds;
};

int mapped_load(struct mapped *mapped, struct criu_images *images, const struct criu_mm *mm,
		struct firn_error *err) _must_check_;
void mapped_done(struct mapped *mapped);
/* The file of @a, or NULL. */
const char *mapped_path(const struct mapped *mapped, const struct criu_area *a);
/* The shared memory of @a, which is a memfd; false when nobody knows it. */
bool mapped_segment(const struct mapped *mapped, const struct criu_area *a, uint64_t *ret);

#endif
