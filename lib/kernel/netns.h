/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A fresh network namespace under a name: bound to a file, so that it lives until the file is
 * unmounted and the last process has left it. Its loopback device is up.
 */
#ifndef FIRN_KERNEL_NETNS_H
#define FIRN_KERNEL_NETNS_H

#include "base/error.h"

/*
 * Make one and bind it to the existing empty regular file @path. The calling thread stays in its
 * own. umount2(path, MNT_DETACH) undoes it. *ret_ns (may be NULL) is an open file of it, which
 * keeps it alive and no mount busy. -FIRN_EUNSUPP when the kernel has no network namespaces.
 */
int netns_bind(const char *path, int *ret_ns, struct firn_error *err) _must_check_;
/* Bind the namespace @ns, an open file of it, to one more such file. */
int netns_bind_again(int ns, const char *path, struct firn_error *err) _must_check_;

#endif
