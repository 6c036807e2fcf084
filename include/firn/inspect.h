/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file What is in a checkpoint, before anybody restores it. */
#ifndef FIRN_INSPECT_H
#define FIRN_INSPECT_H

#include <firn/registry.h>
#include <firn/report.h>
#include <firn/value.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_inspect_opts.flags. */
enum firn_inspect_flags {
	FIRN_INSPECT_ENVIRONMENT = 1 << 0, /**< the processes' environments: they hold secrets */
	FIRN_INSPECT_AREAS = 1 << 1,       /**< every memory area of every process */
};

/** How to look; zero is the default of every member but size. */
struct firn_inspect_opts {
	size_t size;           /**< sizeof(struct firn_inspect_opts) */
	unsigned flags;        /**< enum firn_inspect_flags */
	const char *container; /**< which of several in an image; NULL: all of them */
	/** this process and its children alone, with their memory areas; 0: all processes */
	uint32_t pid;
	const struct firn_report *report; /**< may be NULL */
	/**
	 * the image that the container was made from ("oci:DIR[:TAG|@DIGEST]",
	 * "oci-archive:FILE[:TAG]"), to tell what of the filesystem delta is new there; NULL: it is
	 * told where the checkpoint brings the image along, uncompressed or small
	 */
	const char *base;
	/** how to reach the registry of a "docker://..."; NULL: with all defaults, as nobody */
	const struct firn_registry_opts *registry;
};

/** What was found. */
struct firn_inspection;

/**
 * Look into a checkpoint. What isn't compressed is not read through: a large checkpoint takes no
 * longer than a small one. Memory stays below 64 MiB, whatever the checkpoint.
 *
 * @param checkpoint  an engine's archive (none, gzip, zstd, xz, bzip2), a folder (an unpacked
 *                    one, CRIU images, an engine's own), OCI content in a folder or file
 *                    ("oci:DIR[:TAG|@DIGEST]", "oci-archive:FILE[:TAG]"), in a registry
 *                    ("docker://HOST/REPOSITORY[:TAG|@DIGEST]": no more is fetched than is looked
 *                    at), or "-": standard input
 * @param opts        borrowed; NULL means all defaults
 * @param ret         to be freed with firn_inspection_free()
 * @return 0; -FIRN_EINVAL for what is no checkpoint; -FIRN_ENOTFOUND for a process or container
 *         that isn't there; -FIRN_EMISMATCH when @p base is another image; -FIRN_ECORRUPT,
 * -FIRN_ELIMIT, -FIRN_EFAIL
 */
FIRN_EXPORT int firn_inspect(const char *checkpoint, const struct firn_inspect_opts *opts,
			     struct firn_inspection **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_inspection *firn_inspection_free(struct firn_inspection *i);

/**
 * @return everything that was found, as firn-inspect(1) describes it: a list with an object for
 *         each container; borrowed
 */
FIRN_EXPORT const struct firn_value *firn_inspection_value(const struct firn_inspection *i);

#ifdef __cplusplus
}
#endif

#endif
