/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file A running container or process out of a checkpoint image. */
#ifndef FIRN_RESTORE_H
#define FIRN_RESTORE_H

#include <firn/mount.h>
#include <firn/podman.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_restore_opts.flags. */
enum firn_restore_flags {
	FIRN_RESTORE_TCP_ESTABLISHED = 1 << 0, /**< restore connected TCP sockets */
	FIRN_RESTORE_EXT_UNIX = 1 << 1,        /**< unix sockets whose other end is outside */
	FIRN_RESTORE_FILE_LOCKS = 1 << 2,      /**< file locks */
	FIRN_RESTORE_SHELL_JOB = 1 << 3,       /**< a process that shares its terminal's session */
	/** of several containers those that can't be restored are told, and the others run */
	FIRN_RESTORE_KEEP_GOING = 1 << 4,
	/**
	 * run before the memory is read: CRIU's lazy-pages daemon brings pages when they are
	 * touched and the others meanwhile; the images stay mounted until all are in. Should the
	 * daemon die before, the container is killed, and the system's log says so.
	 */
	FIRN_RESTORE_LAZY = 1 << 5,
	/** don't ask first what firn_check() would find in little time (-FIRN_EHOST), but try */
	FIRN_RESTORE_NO_CHECK = 1 << 6,
};

/** How to restore; zero is the default of every member but size. */
struct firn_restore_opts {
	size_t size;         /**< sizeof(struct firn_restore_opts) */
	unsigned flags;      /**< enum firn_restore_flags */
	const char *runtime; /**< "runc", "crun", "criu" or a path; NULL: by the checkpoint's kind.
				"podman" asks Podman's service, see below */
	const char *const *runtime_args; /**< more arguments for the runtime's restore command */
	size_t nruntime_args;
	const struct firn_mount_opts *mount; /**< how to mount; may be NULL */
	/**
	 * File that gets what the container writes where it wrote to its engine (standard output
	 * and error of a container that was started in the background, its terminal). It is
	 * appended to, and made (0600) when it isn't there. NULL: nowhere.
	 */
	const char *output;
	const struct firn_podman_opts *podman; /**< for "podman"; NULL: all defaults */
	/**
	 * Asked before each step until the runtime runs, with stop_ctx: other than 0 ends the
	 * restore there, -FIRN_EFAIL. NULL: nobody is asked. Podman's service isn't stopped.
	 */
	int (*stop)(void *ctx);
	void *stop_ctx;
};

/** What runs now. */
struct firn_restored;

/**
 * Mount a checkpoint, restore it and take down the mounts that nobody needs any more: all of them
 * for a bare process, all but the rootfs for a container. The rootfs goes when the container ends.
 * The runtime is a child of the caller, who must not ignore SIGCHLD meanwhile.
 *
 * With the runtime "podman", the archive that Podman had made is made again of the image and sent
 * to its service, which restores it: nothing is mounted and the container is Podman's own. Of all
 * other options only container, report, and the flags for TCP and file locks can be given then.
 *
 * @param image  as in firn_mount()
 * @param name   id of the new container; NULL: the checkpoint's name
 * @param opts   borrowed; NULL means all defaults
 * @param ret    to be freed with firn_restored_free(); may be NULL
 * @return 0; -FIRN_EHOST when the runtime or CRIU refused: the message has CRIU's first errors and
 * the path of its whole log, or what Podman says; else as firn_mount(). After a failure nothing
 * stays mounted.
 */
FIRN_EXPORT int firn_restore(const char *image, const char *name,
			     const struct firn_restore_opts *opts, struct firn_restored **ret,
			     struct firn_error *err);

/** The containers of an image that run now. */
struct firn_restores;

/**
 * Restore all containers of an image, one after another. One container, or the one that the options
 * name, is restored as firn_restore() does it without a name. Of several, each gets its name in the
 * image as its id, and its writable layer lies in UPPER/NAME. Containers that had one network
 * namespace together have one together again.
 *
 * When one can't be restored, those that run already are killed again: a pod runs as a whole or not
 * at all. With FIRN_RESTORE_KEEP_GOING they go on, the other ones are tried as well, and each
 * failure is a warning.
 *
 * @param image  as in firn_mount()
 * @param opts   borrowed; NULL means all defaults; .mount->id must be NULL for several
 * @param ret    to be freed with firn_restores_free(); may be NULL
 * @return 0; the number of those that could not be restored with FIRN_RESTORE_KEEP_GOING, if others
 *         run; else as firn_restore()
 */
FIRN_EXPORT int firn_restore_all(const char *image, const struct firn_restore_opts *opts,
				 struct firn_restores **ret, struct firn_error *err);

/** @return NULL, always; the containers run on */
FIRN_EXPORT struct firn_restores *firn_restores_free(struct firn_restores *r);
/** @return how many run */
FIRN_EXPORT size_t firn_restores_count(const struct firn_restores *r);
/** @return the @p i -th of them in the image's order, NULL behind the last; borrowed */
FIRN_EXPORT const struct firn_restored *firn_restores_get(const struct firn_restores *r, size_t i);

/** @return NULL, always */
FIRN_EXPORT struct firn_restored *firn_restored_free(struct firn_restored *r);
/** @return the container's id, NULL for a bare process; borrowed */
FIRN_EXPORT const char *firn_restored_id(const struct firn_restored *r);
/** @return pid of the container's init or of the process, as this host sees it */
FIRN_EXPORT int firn_restored_pid(const struct firn_restored *r);
/** @return "runc", "crun", "criu" or "podman"; borrowed */
FIRN_EXPORT const char *firn_restored_runtime(const struct firn_restored *r);

#ifdef __cplusplus
}
#endif

#endif
