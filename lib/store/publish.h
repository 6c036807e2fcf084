/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that get a name when they are whole, and never before: open, write to .fd, flush, name,
 * flush the folder. A process killed before publish_name() leaves nothing behind.
 *
 * Where the file system has no O_TMPFILE (some overlay, FUSE and NFS mounts) the file has a
 * temporary name ".firn-..." meanwhile and is locked (flock(2)); publish_clean() removes those
 * whose process is gone.
 */
#ifndef FIRN_STORE_PUBLISH_H
#define FIRN_STORE_PUBLISH_H

#include "base/error.h"

#include <stddef.h>

#define PUBLISH_TEMP_PREFIX ".firn-"
#define PUBLISH_TEMP_MAX    24

struct publish {
	int dirfd;                   /* borrowed: the folder where its name will be */
	int fd;                      /* read and write until it is sealed, mode 0600 */
	char temp[PUBLISH_TEMP_MAX]; /* its temporary name, or "" */
};

#define PUBLISH_NONE                                                                               \
	{                                                                                          \
		.dirfd = -1, .fd = -1                                                              \
	}

/* A new file for the folder @dirfd, which must stay open until publish_done(). */
int publish_open(int dirfd, struct publish *ret, struct firn_error *err) _must_check_;
/* A new file in @folder that never gets a name, for what is needed as long as it is open. */
int publish_unnamed(const char *folder, struct firn_error *err) _must_check_;
/* Closes, and removes what was not named. */
void publish_done(struct publish *p);

/*
 * Seal the file (kernel/verity.h) if the file system can do it: nothing is written to it any more,
 * .fd can only be read from here on. Before publish_flush(). It has a temporary name meanwhile: a
 * file without any that is sealed would be lost room after a power cut (ext4 takes it off the list
 * of those that are to be freed).
 */
void publish_seal(struct publish *p);
/* The bytes are on the disk when this returns. */
int publish_flush(struct publish *p, struct firn_error *err) _must_check_;
/* Give it @name: 0, or 1 when the name is taken (and stays what it was). */
int publish_name(struct publish *p, const char *name, struct firn_error *err) _must_check_;
/* Give it @name, in place of what has it now. */
int publish_replace(struct publish *p, const char *name, struct firn_error *err) _must_check_;
/* The names in the folder @dirfd are on the disk when this returns. */
int publish_sync(int dirfd, struct firn_error *err) _must_check_;

/* All of that, without the folder's flush, for @n bytes. 0, or 1 when the name is taken. */
int publish_bytes(int dirfd, const char *name, const void *bytes, size_t n,
		  struct firn_error *err) _must_check_;

/* Remove the temporary names in @dirfd that no process holds any more. */
int publish_clean(int dirfd, struct firn_error *err) _must_check_;

#endif
