/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of one mounted folder in the state folder (/run/firn): who works on it holds its lock.
 *
 *   STATE/ID.mount   the record, 0600; ID is the beginning of the sha256 of the folder's path
 *   STATE/ID/        where a mount is put together; gone when it is complete
 *
 * It is written before the first mount and tells only that firn may have mounted there, and whether
 * it got to the end: what is mounted, the kernel tells (kernel/mountinfo.h). An empty record means
 * that all has been taken down; it stays, so that taking it down once more is no error (the state
 * folder lies on a tmpfs).
 *
 * The containers of one image are mounted on folders of one folder, which has a record too: it is
 * written first, so that what was begun below it can be found again.
 */
#ifndef FIRN_NODE_LIVE_H
#define FIRN_NODE_LIVE_H

#include "base/error.h"

#include <stdbool.h>

#define LIVE_STATE   "/run/firn"
#define LIVE_SECONDS 10 /* how long to wait for another process that works on the same folder */

struct live {
	char *dir;     /* canonical, absolute */
	char *staging; /* STATE/ID, canonical */
	int file;      /* the record, locked */
	bool mounted;  /* firn has begun to mount there, and not taken it down since */
	bool complete; /* and it had come to its end */
	bool made;     /* firn made the folder, and removes it again */
	bool several;  /* nothing is mounted on it but on folders in it, which have their records */
	char *fresh;   /* path of the record that live_open() made, until live_begin(); else NULL */
};

enum live_how {
	LIVE_FIND, /* -FIRN_ENOTFOUND when firn never mounted there */
	LIVE_MAKE,
};

/*
 * The canonical path of @dir: its own name may be missing or covered, the folder above it not.
 * Caller frees.
 */
int live_canonical(const char *dir, char **ret, struct firn_error *err) _must_check_;

/* Open and lock the record of the canonical path @dir. @state NULL: LIVE_STATE. */
int live_open(const char *state, const char *dir, enum live_how how, struct live **ret,
	      struct firn_error *err) _must_check_;
/* A record of nothing goes again. */
struct live *live_close(struct live *l);
void live_closep(struct live **l);

enum live_what {
	LIVE_BUNDLE,  /* one bundle, on the folder itself */
	LIVE_SEVERAL, /* one each on folders in it */
};

/* From now on something may be mounted. Makes the staging folder (0700). */
int live_begin(struct live *l, enum live_what what, bool made, struct firn_error *err) _must_check_;
/* All of it is mounted, and nothing any more on the staging folder, which goes. */
int live_complete(struct live *l, struct firn_error *err) _must_check_;
/* Nothing is mounted any more: removes the staging folder, and l->dir if firn made it. */
int live_end(struct live *l, struct firn_error *err) _must_check_;

/* Call @each with the path of every record that isn't empty; stops at the first failure. */
int live_each(const char *state, int (*each)(const char *dir, void *ctx, struct firn_error *err),
	      void *ctx, struct firn_error *err) _must_check_;

#endif
