/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a file lies in the page cache, and what is to lie there. Only speed and memory are at
 * stake: nothing here fails, and content is the same in any case.
 */
#ifndef FIRN_KERNEL_PAGE_CACHE_H
#define FIRN_KERNEL_PAGE_CACHE_H

#include <stdint.h>

/* Pages that are cached of the bytes [from, to); -1 where the kernel doesn't tell (cachestat(2),
 * Linux 6.5; root, or who owns the file). */
int64_t page_cache_count(int fd, uint64_t from, uint64_t to);

/*
 * Behind the last page that is cached of the bytes [from, to), rounded up to a mebibyte from @from
 * on but not above @to; @from if there is none, or the kernel doesn't tell.
 */
uint64_t page_cache_end(int fd, uint64_t from, uint64_t to);

/* What is read through @fd from now on is what was asked for, and what it is compressed with. */
void page_cache_no_read_ahead(int fd);

/*
 * Have the page at @at read. Of a compressed file, and unless @fd reads ahead, this thread unpacks
 * what the page is in, and not one of the kernel's.
 */
void page_cache_pull(int fd, uint64_t at);

/* Forget them, but for what is in use at this moment. */
void page_cache_drop(int fd, uint64_t from, uint64_t to);

#endif
