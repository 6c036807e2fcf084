/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file The checkpoints that lie in a folder, and the images in a layout. */
#ifndef FIRN_LIST_H
#define FIRN_LIST_H

#include <firn/registry.h>
#include <firn/report.h>
#include <firn/value.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where the kubelet keeps the checkpoints that it is asked for. */
#define FIRN_KUBELET_CHECKPOINTS "/var/lib/kubelet/checkpoints"

/** How to list; zero is the default of every member but size. */
struct firn_list_opts {
	size_t size;                      /**< sizeof(struct firn_list_opts) */
	const struct firn_report *report; /**< may be NULL */
	/** how to reach the registry of a "docker://..."; NULL: with all defaults, as nobody */
	const struct firn_registry_opts *registry;
};

/** What was found. */
struct firn_listing;

/**
 * List checkpoints, the newest first. What can't be read is in the list with what is wrong with
 * it. Archives are not read through; of a compressed one the documents at its beginning are
 * unpacked.
 *
 * @param where  a folder of archives, unpacked ones, layouts and folders of those (a pod's); a
 *               layout ("oci:DIR", or its path) or "oci-archive:FILE"; a repository
 *               ("docker://HOST/REPOSITORY": all of its tags) or an image in one (with :TAG or
 *               @DIGEST: the checkpoints that refer to it); an archive; NULL is
 *               FIRN_KUBELET_CHECKPOINTS
 * @param opts   borrowed; NULL means all defaults
 * @param ret    to be freed with firn_listing_free()
 * @return 0; -FIRN_ENOTFOUND when @p where isn't there; -FIRN_EINVAL, -FIRN_ECORRUPT for a layout
 *         that is none; -FIRN_ELIMIT, -FIRN_EFAIL
 */
FIRN_EXPORT int firn_list(const char *where, const struct firn_list_opts *opts,
			  struct firn_listing **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_listing *firn_listing_free(struct firn_listing *l);

/**
 * @return a list with an object for each checkpoint, as firn-list(1) describes it; borrowed
 */
FIRN_EXPORT const struct firn_value *firn_listing_value(const struct firn_listing *l);

#ifdef __cplusplus
}
#endif

#endif
