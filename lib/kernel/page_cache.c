/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/page_cache.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GRAIN (1u << 20)

/* Headers have it since Linux 6.5: include/uapi/linux/mman.h, and one number for all machines. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

struct cache_range {
	uint64_t at, len;
};

struct cache_stat {
	uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

int64_t page_cache_count(int fd, uint64_t from, uint64_t to)
{
	const struct cache_range range = { from, to - from };
	struct cache_stat st;

	/* To the kernel a length of 0 is all that follows. */
	if (from >= to)
		return 0;
	return syscall(SYS_cachestat, fd, &range, &st, 0u) < 0 ? -1 : (int64_t)st.cached;
}

uint64_t page_cache_end(int fd, uint64_t from, uint64_t to)
{
	uint64_t low = 0, high = from < to ? (to - from - 1) / GRAIN + 1 : 0, end;

	/* Something is cached below the grain @low if that isn't 0, and nothing from @high on. */
	while (low < high) {
		const uint64_t mid = low + (high - low) / 2;

		if (page_cache_count(fd, from + mid * GRAIN, to) > 0)
			low = mid + 1;
		else
			high = mid;
	}
	end = from + low * GRAIN;
	return end < to || low == 0 ? end : to;
}

void page_cache_no_read_ahead(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
}

void page_cache_pull(int fd, uint64_t at)
{
	char byte;

	(void)!pread(fd, &byte, 1, (off_t)at);
}

void page_cache_drop(int fd, uint64_t from, uint64_t to)
{
	if (from < to)
		(void)posix_fadvise(fd, (off_t)from, (off_t)(to - from), POSIX_FADV_DONTNEED);
}
