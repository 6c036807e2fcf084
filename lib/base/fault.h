/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places where a test build (configure --enable-fault) can be made to fail or to die. In every
 * other build FAULT_POINT() is 0 and this costs nothing.
 *
 *	if (FAULT_POINT("publish.link") || linkat(...) < 0)
 *		return firn_fail_errno(err, "name %s", name);
 *
 * The points, each right before what it names:
 *
 *	publish.tmpfile   opening a file without a name (EOPNOTSUPP takes the other road)
 *	publish.open      making the temporary name of that other road
 *	blob.write        writing a blob's bytes
 *	publish.seal      asking whether a blob can be sealed (ENODATA: yes, anything else: no)
 *	publish.flush     flushing a finished file
 *	publish.link      giving a file its final name
 *	publish.rename    renaming a temporary name over a file that is there
 *	publish.sync      flushing a folder after that
 *	layout.lock       locking a layout's folder
 *	layout.blobs      naming a commit's blobs, index.json being ready under a temporary name
 *	layout.index      replacing index.json
 *	layout.done       unlocking, everything is in place
 *	sink.write        writing to a file or pipe that is no blob
 *	sweep.remove      removing a blob that nothing refers to
 *	mount.record      writing the record of a mounted folder
 *	mount.create      making a file system (EINVAL, ENOTBLK: what older kernels say)
 *	mount.erofs       mounting an EROFS image (any error: this kernel has none)
 *	mount.attach      putting a mount into the tree
 *	mount.umount      taking one out of it
 *	unpack.file       making a file of a layer's tree
 *	unpack.name       giving a whole tree its final name
 */
#ifndef FIRN_BASE_FAULT_H
#define FIRN_BASE_FAULT_H

#include "base/error.h"

#include <stdbool.h>

#ifdef FIRN_FAULT
/* True, with errno set, when the point @name is to fail now. It may also not return. */
bool fault_hit(const char *name);
/*
 * What is to happen: "NAME:kill", "NAME:ENOSPC", for the third time "NAME:3:kill", for each time
 * "NAME:*:EIO"; several with commas between. NULL: nothing any more. Counts from here on.
 */
int fault_set(const char *spec, struct firn_error *err) _must_check_;
#define FAULT_POINT(name) fault_hit(name)
#else
#define FAULT_POINT(name) false
#endif

#endif
