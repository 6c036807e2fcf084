/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server of a FUSE mount (fuse(4)): read-only, so that the kernel may keep all it is told for
 * ever: names that aren't there too. Its library is libfuse3, loaded when it is needed first.
 */
#ifndef FIRN_SERVE_FUSE_H
#define FIRN_SERVE_FUSE_H

#include "serve/served.h"

/* -FIRN_EUNSUPP when there is no libfuse3. */
int fuse_load(struct firn_error *err) _must_check_;

/*
 * Show @s, which is finished, on the connection @fd (an opened /dev/fuse that belongs to a mount;
 * taken) with some threads, until it is unmounted. After fuse_load().
 */
int fuse_serve(struct served *s, int fd, struct firn_error *err) _must_check_;

#endif
