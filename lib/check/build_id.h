/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The build id of a program or library: the note NT_GNU_BUILD_ID (elf(5)) that the linker puts into
 * it. CRIU records it of ELF files and compares it where the file has one now.
 */
#ifndef FIRN_CHECK_BUILD_ID_H
#define FIRN_CHECK_BUILD_ID_H

#include "bytes/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether the file @src (borrowed; NULL for one that can't be read) has a build id other than the
 * @n words of @want, which are in this host's byte order; not when it has none that can be read.
 */
bool build_id_differs(struct source *src, const uint32_t *want, size_t n) _must_check_;

#endif
