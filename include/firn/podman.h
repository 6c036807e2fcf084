/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file Podman's service, asked on its unix socket: for firn_build() and firn_restore(). */
#ifndef FIRN_PODMAN_H
#define FIRN_PODMAN_H

#include <firn/error.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_podman_opts.flags. */
enum firn_podman_flags {
	FIRN_PODMAN_LEAVE_RUNNING = 1 << 0,   /**< the container runs on after its checkpoint */
	FIRN_PODMAN_TCP_ESTABLISHED = 1 << 1, /**< dump connected TCP sockets */
	FIRN_PODMAN_IGNORE_ROOTFS = 1 << 2,   /**< leave out what it changed in its rootfs */
	FIRN_PODMAN_FILE_LOCKS = 1 << 3,      /**< dump file locks */
};

/** How to ask; zero is the default of every member but size. */
struct firn_podman_opts {
	size_t size;    /**< sizeof(struct firn_podman_opts) */
	unsigned flags; /**< enum firn_podman_flags; none for a restore */
	/** path of the socket, or "unix://PATH"; NULL: /run/podman/podman.sock for root,
	 * /run/user/UID/podman/podman.sock for others */
	const char *socket;
	/** seconds until Podman's answer begins, in which it dumps or restores; 0: an hour */
	unsigned timeout;
};

#ifdef __cplusplus
}
#endif

#endif
