/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fs-verity (linux/fsverity.h): a sealed file keeps its content as long as there is an inode of it.
 * Nobody can write to it any more, root included, and the seal can't be taken off; what the disk
 * has instead of its blocks is an input/output error to whoever reads them. It can be removed.
 */
#ifndef FIRN_KERNEL_VERITY_H
#define FIRN_KERNEL_VERITY_H

#include <stdbool.h>

/* Whether the file isn't sealed and kernel and file system could do it: a question, nothing else.
 */
bool verity_is_offered(int fd);

/*
 * Seal the file @fd, open for reading only, while no descriptor anywhere may write to it; the
 * kernel reads all of it. -1 and errno.
 */
int verity_seal(int fd);

/* Whether the content of the file that @fd reads can't change under any name or descriptor. */
bool verity_is_sealed(int fd);

#endif
