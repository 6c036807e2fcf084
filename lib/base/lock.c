/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/lock.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

int lock_wait(int fd, enum lock_kind kind, unsigned seconds, struct firn_error *err)
{
	const int how = (kind == LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB;
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	/* Polled, not blocked: flock(2) has no time-out, and a signal handler isn't a library's. */
	for (unsigned long tries = seconds * 50ul;; tries--) {
		if (flock(fd, how) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return firn_fail_errno(err, "lock");
		if (tries == 0)
			return firn_fail(err, FIRN_EBUSY,
					 "locked by another process for %u seconds", seconds);
		nanosleep(&pause, NULL);
	}
}
