/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The build id of a program or library: the note NT_GNU_BUILD_ID (elf(5)) that the linker puts into
 * it. CRIU records it of ELF files and compares it where the file has one now.
 */
#ifndef FIRN_CHECK_BUILD_ID_H
#define FIRN_CHECK_BUILD_ID_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether the file has a build id other than the @n words of @want, which are in this host's byte
 * order; not when it has none that can be read. @fd may be O_PATH.
 */
bool build_id_differs(int fd, const uint32_t *want, size_t n) _must_check_;

#endif
