/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libfuse3's calls, and the answers to the kernel's requests. Private to serve/fuse*.c. */
#ifndef FIRN_SERVE_FUSE_PRIV_H
#define FIRN_SERVE_FUSE_PRIV_H

#include "serve/served.h"

#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>

#define FUSE_CALLS(X)                                                                              \
	X(fuse_add_direntry)                                                                       \
	X(fuse_add_direntry_plus)                                                                  \
	X(fuse_reply_attr)                                                                         \
	X(fuse_reply_buf)                                                                          \
	X(fuse_reply_entry)                                                                        \
	X(fuse_reply_err)                                                                          \
	X(fuse_reply_none)                                                                         \
	X(fuse_reply_readlink)                                                                     \
	X(fuse_reply_statfs)                                                                       \
	X(fuse_reply_xattr)                                                                        \
	X(fuse_req_userdata)                                                                       \
	X(fuse_session_destroy)                                                                    \
	X(fuse_session_exited)                                                                     \
	X(fuse_session_mount)                                                                      \
	X(fuse_session_process_buf)                                                                \
	X(fuse_session_receive_buf)                                                                \
	X(fuse_set_log_func)

struct fuse_calls {
	FUSE_CALLS(LIBRARY_SLOT)
	/* From 3.17 on the name is a macro around another call; this one stays. */
	struct fuse_session *(*fuse_session_new)(struct fuse_args *args,
						 const struct fuse_lowlevel_ops *op, size_t op_size,
						 void *userdata);
};

/* Filled in by fuse_load(). */
extern struct fuse_calls fuse_lib;
extern const struct fuse_lowlevel_ops fuse_ops; /* the user data is the struct served */

#endif
