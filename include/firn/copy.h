/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file Images from one place to another: layouts, archives, skopeo's folders, registries. */
#ifndef FIRN_COPY_H
#define FIRN_COPY_H

#include <firn/registry.h>
#include <firn/report.h>
#include <firn/value.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_copy_opts.flags. */
enum firn_copy_flags {
	FIRN_COPY_FORCE = 1 << 0,           /**< replace tags, archives and images that are there */
	FIRN_COPY_ALL_TAGS = 1 << 1,        /**< every image that has a tag, under its tag */
	FIRN_COPY_ONLY_CHECKPOINT = 1 << 2, /**< of a checkpoint image only the checkpoint */
	FIRN_COPY_ONLY_ROOTFS = 1 << 3,     /**< of a checkpoint image only the rootfs */
	FIRN_COPY_COMPRESS = 1 << 4,        /**< plain mountable layers become compressed ones */
	FIRN_COPY_DECOMPRESS = 1 << 5,      /**< the other way round */
};

/** A blob or a manifest, and how far it is. */
struct firn_copy_blob {
	const char *digest; /**< "sha256:..." */
	/** for people, such as "checkpoint images" or "rootfs layer 3"; empty when nobody knows */
	const char *what;
	uint64_t size;
	uint64_t offset; /**< bytes that are done with; size when it is at its end */
	/** "copying" while it is looked for and moved; in the end "copied"; or "there" when it was
	 * at the destination already, "mounted" when the registry had it in another repository */
	const char *state;
	const char *from; /**< that repository; NULL: none */
};

/** How to copy; zero is the default of every member but size. */
struct firn_copy_opts {
	size_t size;    /**< sizeof(struct firn_copy_opts) */
	unsigned flags; /**< enum firn_copy_flags */
	unsigned jobs;  /**< blobs at once; 0: 4 */
	const struct firn_report
	    *report; /**< may be NULL; its callbacks come in the caller's thread */
	/** called some times a second with each blob that is on its way, and once with each blob
	 * and manifest when it is done; in the caller's thread; may be NULL */
	void (*blob)(const struct firn_copy_blob *b, void *ctx);
	void *ctx; /**< handed to it */
	/** how to reach a registry; NULL: with all defaults, as nobody */
	const struct firn_registry_opts *source_registry, *dest_registry;
	int level;        /**< of FIRN_COPY_COMPRESS (zstd), 1 to 22; 0: 3 */
	unsigned threads; /**< that compress, 16 at most; 0: one for each processor. Their number
			   * changes nothing in the result */
	/** folder for layers that are compressed or fetched to be; NULL: that of the destination,
	 * /var/tmp for a registry */
	const char *tmp;
	/** a folder (made, 0700) where it is noted what layers have become, so that those that the
	 * destination has are not compressed again to find that out; NULL: nothing is */
	const char *state;
};

/** What was copied. */
struct firn_copy_result;

/**
 * Copy an image with all it refers to: configs, layers of every type, manifests of an index, and
 * subjects as far as the source has them. Nothing is changed on the way, so every digest stays;
 * with FIRN_COPY_COMPRESS or FIRN_COPY_DECOMPRESS mountable layers get the form that a build with
 * or without compression gives them, and digests change with it, but for those of configs. What the
 * destination has already is not copied again.
 *
 * @param source  "oci:DIR[:TAG|@DIGEST]", "oci-archive:FILE[:TAG|@DIGEST]", the path of either, or
 *                "dir:DIR" or "docker://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]"
 * @param dest    "oci:DIR[:TAG]" (DIR is made when it isn't there; without a tag the source's is
 *                taken; a checkpoint image's parts get theirs, TAG.checkpoint and TAG.rootfs),
 *                "oci-archive:FILE[:TAG]", "dir:DIR" or "docker://HOST[:PORT]/REPOSITORY[:TAG]"
 * (without a tag: "latest")
 * @param opts    borrowed; NULL means all defaults
 * @param ret     to be freed with firn_copy_result_free(); may be NULL
 * @return 0; -FIRN_EEXIST when a tag, archive or image is there and FIRN_COPY_FORCE isn't set;
 *         -FIRN_ECORRUPT when a blob isn't what its digest says; -FIRN_ENOTFOUND, -FIRN_EINVAL,
 *         -FIRN_ELIMIT, -FIRN_EBUSY, -FIRN_EFAIL. After a failure no name has changed; large blobs
 *         may be in a layout or folder already, where the next try finds them and firn_gc() else.
 */
FIRN_EXPORT int firn_copy(const char *source, const char *dest, const struct firn_copy_opts *opts,
			  struct firn_copy_result **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_copy_result *firn_copy_result_free(struct firn_copy_result *r);
/**
 * @return an object: "images", a list of objects with "digest" and "tag" (absent: none), "blobs"
 *         and "bytes" that were copied, "present_blobs" and "present_bytes" that were there,
 *         "skipped" manifests of other platforms that the source doesn't have; borrowed
 */
FIRN_EXPORT const struct firn_value *firn_copy_result_value(const struct firn_copy_result *r);

#ifdef __cplusplus
}
#endif

#endif
