/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Advisory locks between processes: flock(2) on a file or folder, released when the descriptor
 * closes. */
#ifndef FIRN_BASE_LOCK_H
#define FIRN_BASE_LOCK_H

#include "base/error.h"

enum lock_kind { LOCK_SHARED, LOCK_EXCLUSIVE };

/* Wait for the lock on the open file or folder @fd, @seconds at most; then -FIRN_EBUSY. */
int lock_wait(int fd, enum lock_kind kind, unsigned seconds, struct firn_error *err) _must_check_;

#endif
