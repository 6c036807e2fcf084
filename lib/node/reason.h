/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a runtime couldn't restore: out of CRIU's log, else the runtime's own. */
#ifndef FIRN_NODE_REASON_H
#define FIRN_NODE_REASON_H

#include "node/slot.h"

struct reason {
	char text[320]; /* "" when no log has one */
	int taken_pid;  /* criu_log.taken_pid */
};

/* Reads SLOT/bundle/work/restore.log and SLOT/runtime.log; missing ones say nothing. */
void reason_read(const struct slot *s, struct reason *ret);

/*
 * Keep both logs in STATE/logs/LABEL, which outlives the mounts, in place of what is there. Returns
 * the path of the fuller one that there is, which the caller frees, or NULL.
 */
char *reason_keep(const struct slot *s, const char *label);
/* The same for the log SLOT/bundle/work/@name alone. */
char *reason_keep_file(const struct slot *s, const char *label, const char *name);

#endif
