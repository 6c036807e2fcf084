/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folders in the making. One that is new has a temporary name, one that was there and empty a link
 * in it that marks it. Whoever fills either of them holds its lock (flock(2)): what has the name or
 * the mark and no lock was left by a process that was killed, and is nobody's.
 */
#ifndef FIRN_EXPORT_FOLDER_STAGE_H
#define FIRN_EXPORT_FOLDER_STAGE_H

#include "base/error.h"

/* A new folder in @above, locked. Caller frees the path and closes the descriptor. */
int folder_stage_make(const char *above, char **ret_path, int *ret_fd,
		      struct firn_error *err) _must_check_;
/* Remove those in @above that were left. */
void folder_stage_sweep(const char *above);

/*
 * Lock the folder @fd, whose path is @path, and empty it if it has the mark. -FIRN_EBUSY when
 * somebody fills it.
 */
int folder_stage_lock(int fd, const char *path, struct firn_error *err) _must_check_;
int folder_stage_mark(int fd, struct firn_error *err) _must_check_;
void folder_stage_unmark(int fd);

/* Remove all that is in the folder, as far as possible. */
void folder_stage_empty(const char *path);

#endif
