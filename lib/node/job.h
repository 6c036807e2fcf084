/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One restore under way: node/restore.c brings it to the point where it runs, node/leave.c does
 * what is left to do from there on.
 */
#ifndef FIRN_NODE_JOB_H
#define FIRN_NODE_JOB_H

#include "node/lazy.h"
#include "node/pod.h"
#include "node/restore.h"
#include "node/runtime.h"
#include "node/slot.h"

struct job {
	struct pod_image *pod; /* that it belongs to; NULL: to none */
	struct firn_restore_opts opts;
	struct firn_mount_opts mount;
	struct slot slot;
	struct runtime runtime;
	char *id;
	bool terminal; /* the container has one and nobody else was told to receive it */
	int listener;  /* for the terminal; -1 */
	int output;    /* opts.output; -1 */
	int pipe[2];   /* what the container writes comes out of [0], the terminal's master or a
			* pipe's end; -1 */
	int pid;
	struct lazy lazy;
	struct criu_asking *asking; /* NULL: nobody wants to know */
};

void job_pause(long ms);

/*
 * The container runs: a process in the background waits for its end and takes its mounts down.
 * Whatever fails from here on is told and changes nothing of that it runs.
 */
void job_leave_container(struct job *j);
/* A bare process runs. */
int job_leave_process(struct job *j, struct firn_error *err) _must_check_;

#endif
