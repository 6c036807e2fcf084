/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU's lazy-pages daemon, which gives a restored process its pages when they are touched, and the
 * rest of them meanwhile; and a process of ours in the background that looks after it.
 *
 * A daemon that dies would be the worst of all ends: the kernel then takes the pages that are still
 * missing for zeros, and the process goes on with them. So the process that looks after it has the
 * userfaultfds, too: who touches a missing page waits, and is killed.
 */
#ifndef FIRN_NODE_LAZY_H
#define FIRN_NODE_LAZY_H

#include "node/slot.h"

struct lazy {
	int fd; /* to the process that looks after the daemon; -1: there is none */
};

enum lazy_end {
	LAZY_UNKNOWN, /* nobody looks after the daemon any more */
	LAZY_ALL_IN,  /* the process has all its pages, and needs the images no longer */
	LAZY_LOST,    /* the daemon died before that: the process was killed */
};

/* Start both for the images in @s's bundle. -FIRN_EHOST with CRIU's reason. */
int lazy_start(const struct slot *s, struct lazy *ret, struct firn_error *err) _must_check_;

/*
 * The restore has succeeded: the daemon goes on without the caller, for the tree of processes
 * below @pid, which sentences call @name.
 */
void lazy_keep(const struct lazy *l, int pid, const char *name);

/* Once l->fd can be read. */
enum lazy_end lazy_end(int fd);

/* Both end, unless they are kept. */
void lazy_done(struct lazy *l);

#endif
