/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder of one restored container in the state folder, and who has it.
 *
 *   STATE/containers/KEY/bundle       what is mounted (firn_mount())
 *                       /lock         held as long as the container runs
 *                       /pid, ...     of the runtime's making
 *   STATE/containers/ID:restoring     held while a runtime restores a container ID (slot_reserve())
 *   STATE/logs/NAME/                  logs of the last restore under this name that failed
 *
 * KEY is the container's name if the caller gave one, else "restore-N" with the first N that is
 * free: keys are used again, as the records of what is mounted on a bundle stay. A slot whose lock
 * nobody holds was left behind by a crash: the next claim takes its mounts down.
 */
#ifndef FIRN_NODE_SLOT_H
#define FIRN_NODE_SLOT_H

#include "base/error.h"

#include <stdbool.h>

#define SLOT_NAME_MAX 128 /* bytes of a container's name */

struct slot {
	char *state;  /* the state folder */
	char *folder; /* STATE/containers/KEY */
	char *bundle;
	char *pid_file, *runtime_log, *console;
	int lock;
	bool stale;      /* an earlier container of this name was left behind */
	char *restoring; /* the file whose lock slot_reserve() took; NULL: none */
	int reserved;    /* that file */
};

/*
 * Whether @name may be a container's: what runc and crun take (letters, digits, "_+-."), and
 * neither "." nor "..". -FIRN_EINVAL.
 */
int slot_check_name(const char *name, struct firn_error *err) _must_check_;

/* @name NULL: the first key that is free, or whose container is gone and what it left unused.
 * -FIRN_EEXIST when a container of that name runs. */
int slot_claim(const char *state, const char *name, struct slot *ret,
	       struct firn_error *err) _must_check_;
/*
 * Until slot_release() or slot_done() nobody else with this state folder gives a runtime the id
 * @id, which slot_check_name() took. A slot without a name doesn't see to that: the id comes from
 * the checkpoint. -FIRN_EEXIST when somebody does.
 */
int slot_reserve(struct slot *s, const char *id, struct firn_error *err) _must_check_;
void slot_release(struct slot *s);
/* Remove the folder, in which nothing may be mounted any more. Failure leaves it to the next claim.
 */
void slot_remove(struct slot *s);
/* Frees the memory and the lock. */
void slot_done(struct slot *s);

#endif
