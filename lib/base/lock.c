/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/lock.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

int lock_wait(int fd, enum lock_kind kind, unsigned seconds, struct firn_error *err)
{
	const int how = (kind == LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB;
	const long max = 20 * 1000 * 1000;
	struct timespec pause = { .tv_nsec = 1000 * 1000 };
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	/* Polled, not blocked: flock(2) has no time-out, and a signal handler isn't a library's. */
	for (;;) {
		if (flock(fd, how) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return firn_fail_errno(err, "lock");
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec ||
		    (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec))
			return firn_fail(err, FIRN_EBUSY,
					 "locked by another process for %u seconds", seconds);
		nanosleep(&pause, NULL);
		/* Most locks are held for a moment only. */
		pause.tv_nsec = pause.tv_nsec * 2 < max ? pause.tv_nsec * 2 : max;
	}
}
