/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a checkpoint was made, as far as the first bytes of its files tell. All of it is a hint for
 * annotations: what doesn't look as expected is unknown, never an error.
 */
#ifndef FIRN_FORMAT_ORIGIN_H
#define FIRN_FORMAT_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORIGIN_PEEK_BYTES 4096 /* of a file are enough */
#define ORIGIN_TEXT_MAX   80

struct origin {
	const char *arch; /* of the processes, in Go's spelling ("amd64"); NULL unknown, static */
	uint32_t criu_version;        /* 40101 is 4.1.1, as Podman writes it; 0 unknown */
	char kernel[ORIGIN_TEXT_MAX]; /* uname -r; "" unknown */
	bool compressed;              /* the memory's pages are */
};

/* Whether the beginning of the member @path should be shown to origin_look(). */
bool origin_wants(const char *path);
/* Learn from the first @n bytes of the member @path; what is known already stays. */
void origin_look(struct origin *o, const char *path, const void *bytes, size_t n);

/* Go's name for the architecture that uname(2) calls @machine, or @machine itself. */
const char *origin_arch_of(const char *machine);

#endif
