/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reason of a failure out of CRIU's log: its first errors as one sentence. Lines look like
 *   (00.030205)      1: Error (criu/files-reg.c:2353): Can't open file ...
 * with the time and the process left out now and then. The log is fed in pieces of any size.
 */
#ifndef FIRN_FORMAT_CRIU_LOG_H
#define FIRN_FORMAT_CRIU_LOG_H

#include <stddef.h>

#define CRIU_LOG_LINE_MAX   512 /* bytes of a line that are looked at */
#define CRIU_LOG_ERROR_MAX  140 /* bytes of one error in the sentence */
#define CRIU_LOG_ERRORS_MAX 3   /* errors that go into the sentence: what follows is fallout */

struct criu_log {
	char line[CRIU_LOG_LINE_MAX];
	size_t used;
	char text[300]; /* the sentence so far */
	unsigned errors;
	int taken_pid; /* a process id of the dump that is somebody else's (or an unreaped zombie's)
			*/
};

void criu_log_feed(struct criu_log *log, const void *bytes, size_t n);
/* The sentence, NULL when the log has no error that tells something. */
const char *criu_log_finish(struct criu_log *log);

#endif
