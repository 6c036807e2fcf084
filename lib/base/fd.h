/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File descriptors and memory that clean up after themselves, and reads and writes that finish.
 *
 * Ownership moves with take_fd() and take_ptr() on the success line only. Every open is O_CLOEXEC.
 */
#ifndef FIRN_BASE_FD_H
#define FIRN_BASE_FD_H

#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* Close @fd if it is one, keep errno, return -1. Not retried on EINTR: on Linux it is gone. */
int fd_close(int fd);

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void *ptr_take(void *p)
{
	void *taken = *(void **)p;

	*(void **)p = NULL;
	return taken;
}

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _fd_         _cleanup_(fd_closep)
#define _free_       _cleanup_(freep)
#define take_fd(p)   fd_take(p)
#define take_ptr(p)  ((__typeof__(*(p)))ptr_take(p))

/* Room for "/proc/self/fd/" and a number. */
#define FD_PATH_MAX 32

/* Write the path under which the kernel finds @fd again. Returns @ret. */
const char *fd_path(int fd, char ret[FD_PATH_MAX]);

/* Up to @n bytes, fewer at end of file only. Returns the count or -FIRN_E... */
ssize_t fd_read(int fd, void *buf, size_t n, struct firn_error *err) _must_check_;
ssize_t fd_pread(int fd, void *buf, size_t n, uint64_t at, struct firn_error *err) _must_check_;

/* All @n bytes, or an error. */
int fd_write(int fd, const void *buf, size_t n, struct firn_error *err) _must_check_;
int fd_pwrite(int fd, const void *buf, size_t n, uint64_t at, struct firn_error *err) _must_check_;

/*
 * The whole file in memory, with a NUL behind it that @ret_len does not count. More than @max bytes
 * is -FIRN_ELIMIT, found without reading them. Caller frees.
 */
int fd_read_all(int fd, size_t max, char **ret, size_t *ret_len,
		struct firn_error *err) _must_check_;

#endif
