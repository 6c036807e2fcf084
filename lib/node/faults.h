/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holding the userfaultfds of another process (userfaultfd(2)): as long as anybody has one of them,
 * who touches a page that is missing waits for it.
 */
#ifndef FIRN_NODE_FAULTS_H
#define FIRN_NODE_FAULTS_H

#include <stddef.h>

#define FAULTS_MAX 1024 /* processes that wait for pages; of more the first ones are held */

struct held_fault {
	int theirs; /* the descriptor's number in the other process */
	int ours;
};

struct faults {
	struct held_fault held[FAULTS_MAX];
	size_t n;
};

/*
 * Take those that the process @pidfd, whose folder in /proc is of @pid, has now, and let go of the
 * ones that it has closed: there the pages are all in.
 */
void faults_follow(struct faults *f, int pidfd, int pid);
void faults_release(struct faults *f);

#endif
