/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other end of a container's terminal. A runtime that restores a container with a terminal
 * connects to a socket and sends the terminal's master over it (runc's and crun's
 * --console-socket).
 */
#ifndef FIRN_NODE_CONSOLE_H
#define FIRN_NODE_CONSOLE_H

#include "base/error.h"

/* A listening socket at @path, which must be new. Returns its descriptor. */
int console_listen(const char *path, struct firn_error *err) _must_check_;
/* The master that a runtime has sent while it ran. Returns its descriptor. */
int console_receive(int listener, struct firn_error *err) _must_check_;

#endif
