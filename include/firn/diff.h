/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file What has changed from one checkpoint to another. */
#ifndef FIRN_DIFF_H
#define FIRN_DIFF_H

#include <firn/registry.h>
#include <firn/report.h>
#include <firn/value.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_diff_opts.flags. */
enum firn_diff_flags {
	FIRN_DIFF_ENVIRONMENT = 1 << 0, /**< variables of environments: they hold secrets */
	FIRN_DIFF_CONTENT = 1 << 1,     /**< compare what is in the filesystem deltas' files */
	FIRN_DIFF_NO_MEMORY = 1 << 2,   /**< don't read the processes' memory */
	FIRN_DIFF_MOVED = 1 << 3,       /**< look for B's pages at other addresses of A, too */
};

/** How to compare; zero is the default of every member but size. */
struct firn_diff_opts {
	size_t size;             /**< sizeof(struct firn_diff_opts) */
	unsigned flags;          /**< enum firn_diff_flags */
	const char *container_a; /**< which one of an image with several; NULL: the only one */
	const char *container_b; /**< likewise; NULL: as container_a */
	const struct firn_report *report; /**< may be NULL */
	/** how to reach the registry of a "docker://..."; NULL: with all defaults, as nobody */
	const struct firn_registry_opts *registry;
};

/** What was found. */
struct firn_difference;

/**
 * Compare two checkpoints. All but the memory is found without reading uncompressed ones through;
 * the memory is read once. Memory stays below 64 MiB, whatever the checkpoints.
 *
 * @param a, b  each as firn_inspect() takes it; their forms may differ
 * @param opts  borrowed; NULL means all defaults
 * @param ret   to be freed with firn_difference_free()
 * @return 0, whether they differ or not; -FIRN_EINVAL for what is no checkpoint, or for an image of
 *         several containers none of which is named; -FIRN_ENOTFOUND, -FIRN_ECORRUPT, -FIRN_ELIMIT,
 *         -FIRN_EFAIL
 */
FIRN_EXPORT int firn_diff(const char *a, const char *b, const struct firn_diff_opts *opts,
			  struct firn_difference **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_difference *firn_difference_free(struct firn_difference *d);

/** @return everything that was found, as firn-diff(1) describes it: an object; borrowed */
FIRN_EXPORT const struct firn_value *firn_difference_value(const struct firn_difference *d);

#ifdef __cplusplus
}
#endif

#endif
