/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file Whether a checkpoint, an image or a layout is whole. */
#ifndef FIRN_VERIFY_H
#define FIRN_VERIFY_H

#include <firn/report.h>
#include <firn/value.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_verify_opts.flags. */
enum firn_verify_flags {
	/** read everything through: what compressed layers unpack to, the content of archives */
	FIRN_VERIFY_DEEP = 1 << 0,
};

/** How to verify; zero is the default of every member but size. */
struct firn_verify_opts {
	size_t size;                      /**< sizeof(struct firn_verify_opts) */
	unsigned flags;                   /**< enum firn_verify_flags */
	const struct firn_report *report; /**< may be NULL */
};

/** How bad a finding is. */
enum firn_verify_level {
	FIRN_VERIFY_FAULT,   /**< it is broken */
	FIRN_VERIFY_WARNING, /**< allowed, but somebody will stumble over it */
	FIRN_VERIFY_NOTE,    /**< worth knowing, and nothing wrong */
};

/** What was found. */
struct firn_verification;

/**
 * Look for everything that is wrong with a checkpoint, an image or a layout, whoever made it. A
 * fault is no failure of this call: it goes on to the end and lists all of them. Memory stays below
 * 64 MiB, whatever the input.
 *
 * @param input  "oci:DIR[:TAG|@DIGEST]", "oci-archive:FILE[:TAG|@DIGEST]" or a path: a layout's
 *               folder, an oci-archive, a docker-archive, or any checkpoint that firn_build() takes
 * @param opts   borrowed; NULL means all defaults
 * @param ret    to be freed with firn_verification_free()
 * @return 0, also when there are faults; -FIRN_EINVAL for what is none of these; -FIRN_ENOTFOUND
 *         for a file, tag or digest that isn't there; -FIRN_EFAIL
 */
FIRN_EXPORT int firn_verify(const char *input, const struct firn_verify_opts *opts,
			    struct firn_verification **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_verification *firn_verification_free(struct firn_verification *v);

/** @return how many findings there are of @p level; more may have been found than are kept */
FIRN_EXPORT uint64_t firn_verification_count(const struct firn_verification *v,
					     enum firn_verify_level level);

/**
 * @return the findings as firn-verify(1) describes them: a list of objects with "level", "place",
 *         "code" and "text"; borrowed
 */
FIRN_EXPORT const struct firn_value *firn_verification_value(const struct firn_verification *v);

#ifdef __cplusplus
}
#endif

#endif
