/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file Whether a checkpoint will restore on this host, before anybody tries. */
#ifndef FIRN_CHECK_H
#define FIRN_CHECK_H

#include <firn/restore.h>
#include <firn/value.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What to ask; zero is the default of every member but size. */
struct firn_check_opts {
	size_t size; /**< sizeof(struct firn_check_opts) */
	/** How it would be restored; may be NULL. Of .mount, .upper, .id and FIRN_MOUNT_READ_ONLY
	 * have no effect. */
	const struct firn_restore_opts *restore;
	/** The root directory that the processes will have; nothing is mounted then. NULL: that of
	 * the checkpoint, mounted for a moment. */
	const char *rootfs;
	/** how to reach the registry of a "docker://...", the image's or a base's; NULL: with all
	 * defaults, as nobody */
	const struct firn_registry_opts *registry;
};

/** The answers. */
struct firn_checked;

/**
 * Ask about everything that a restore needs: this host's processor, kernel, CRIU and runtime, the
 * base image, every file that the processes use, mounts, connections, process ids. What would make
 * the restore fail is an answer, not a failure of this function. The checkpoint is mounted for it
 * as firn_restore() does it, which needs root, and unmounted again; nothing else is changed. What
 * is in a registry, or has its base there, is mounted nowhere: no more is fetched than is looked
 * at, and layers that others have compressed, which go into the cache.
 *
 * @param image  as in firn_restore(), or "docker://HOST/REPOSITORY[:TAG|@DIGEST]"; other
 *               checkpoints, which can't be restored as they are, are asked as far as that goes
 * @param opts   borrowed; NULL means all defaults. The base of .restore->mount may be in a
 * registry, too
 * @param ret    to be freed with firn_checked_free()
 * @return 0; -FIRN_EINVAL for what is no checkpoint; -FIRN_ENOTFOUND, -FIRN_ECORRUPT, -FIRN_ELIMIT,
 *         -FIRN_EFAIL
 */
FIRN_EXPORT int firn_check(const char *image, const struct firn_check_opts *opts,
			   struct firn_checked **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_checked *firn_checked_free(struct firn_checked *c);

/** @return how many answers say that the restore will fail */
FIRN_EXPORT size_t firn_checked_failures(const struct firn_checked *c);

/**
 * @return everything that was found, as firn-check(1) describes it: a list with an object for each
 *         container; borrowed
 */
FIRN_EXPORT const struct firn_value *firn_checked_value(const struct firn_checked *c);

#ifdef __cplusplus
}
#endif

#endif
