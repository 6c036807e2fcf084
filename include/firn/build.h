/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file A checkpoint in, an OCI image layout out. */
#ifndef FIRN_BUILD_H
#define FIRN_BUILD_H

#include <firn/podman.h>
#include <firn/report.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_build_opts.flags. */
enum firn_build_flags {
	FIRN_BUILD_FORCE = 1 << 0,         /**< replace tags that are there already */
	FIRN_BUILD_SOURCE_DIGEST = 1 << 1, /**< record the sha256 of the input: a second hash */
	/** the engine takes the changes out of the checkpoint image, as it wrote them itself */
	FIRN_BUILD_ARCHIVE_DELTA = 1 << 2,
	FIRN_BUILD_KEEP_SOURCE = 1 << 3, /**< the input's own bytes go along, for firn_export() */
};

/** For firn_build_opts.compress. */
enum firn_compress {
	FIRN_COMPRESS_NONE, /**< layers are tar */
	/** tar+zstd, which the kernel mounts as well: from Linux 6.10 on, without a copy */
	FIRN_COMPRESS_ZSTD,
};

/** How to build; zero is the default of every member but size. */
struct firn_build_opts {
	size_t size;      /**< sizeof(struct firn_build_opts) */
	unsigned flags;   /**< enum firn_build_flags */
	const char *base; /**< image the container was made from, as a reference; NULL: external */
	const char *container;            /**< container's name; NULL: what the checkpoint says */
	const struct firn_report *report; /**< may be NULL */
	/** the upper directory of the container's overlay, which has its changes; NULL: they are in
	 * the checkpoint */
	const char *upperdir;
	/** the dump that an incremental checkpoint builds on: an archive of Podman's
	 * pre-checkpoint, or any form of checkpoint; NULL: it is complete, or has the dumps before
	 * it beside it */
	const char *previous;
	/** "NAME=REF" each: the base of one of several containers; others have .base */
	const char *const *bases;
	size_t nbases;
	const struct firn_podman_opts *podman; /**< for "podman:NAME"; NULL: all defaults */
	/** "podman", "cri-o" or "containerd": the engine that has to be able to restore; NULL: the
	 * one that made the checkpoint, as far as it goes */
	const char *engine;
	/** under which name (HOST/REPO:TAG) the engine will find the rootfs image; NULL: by its ID
	 */
	const char *rootfs_name;
	/** of the layers that are made here; the images' digests of content stay the same */
	enum firn_compress compress;
	int level;        /**< 1 to 22; 0: 3 */
	unsigned threads; /**< that compress, 16 at most; 0: one for each processor. Their number
			   * changes nothing in the result */
};

/** What was built. */
struct firn_build_result;

/**
 * Convert a checkpoint into an image of an OCI layout.
 *
 * @param checkpoint  an engine's archive (none, gzip, zstd), "-" for standard input, an unpacked
 *                    archive, a folder of CRIU images, a checkpoint image of others or an index
 *                    of ctr checkpoint ("oci:DIR[:TAG|@DIGEST]", "oci-archive:FILE[:TAG|@DIGEST]"
 *                    or the path of either), or "podman:NAME", a running container that Podman is
 *                    asked to checkpoint now
 * @param dest        "oci:DIR:TAG"; DIR is made when it isn't there. TAG names the index,
 *                    TAG.checkpoint and TAG.rootfs its two images
 * @param opts        borrowed; NULL means all defaults
 * @param ret         the result, to be freed with firn_build_result_free(); may be NULL
 * @return 0; -FIRN_ECORRUPT for a bad checkpoint; -FIRN_EMISMATCH when the base is another one;
 *         -FIRN_EEXIST when a tag is there and FIRN_BUILD_FORCE isn't; -FIRN_EUNSUPP for what the
 *         engine asked for can't restore, and for upper directories that need the layers below;
 *         -FIRN_ENOTFOUND, -FIRN_ELIMIT, -FIRN_EINVAL, -FIRN_EFAIL. After a failure the layout is
 *         what it was before.
 */
FIRN_EXPORT int firn_build(const char *checkpoint, const char *dest,
			   const struct firn_build_opts *opts, struct firn_build_result **ret,
			   struct firn_error *err);

/** One of several checkpoints; zero is the default of every member but size and checkpoint. */
struct firn_build_item {
	size_t size;            /**< sizeof(struct firn_build_item), the same for all */
	const char *checkpoint; /**< as in firn_build(); "-" for one of them only */
	const char *container;  /**< its name; NULL: what the checkpoint says */
	const char *base;       /**< its base; NULL: by the options */
	const char *upperdir;   /**< as in the options */
	const char *previous;   /**< as in the options */
};

/**
 * Convert the checkpoints of several containers into one image: an index with two images for each.
 *
 * Names have letters and digits, joined by single ones of "-._+", and each is there once. TAG names
 * the index; TAG.NAME.checkpoint and TAG.NAME.rootfs name the images of container NAME. Bases that
 * containers share are stored once. What is wrong with a name, or missing, is found before anything
 * is written. One checkpoint alone is as with firn_build().
 *
 * @param items  @p n of them, 64 at most; borrowed, as are their strings
 * @param dest   as in firn_build()
 * @param opts   borrowed; NULL means all defaults; .container, .upperdir and .previous must be NULL
 * @param ret    as in firn_build(); firn_build_result_part() has the containers
 * @return as firn_build(); also -FIRN_EINVAL for names
 */
FIRN_EXPORT int firn_build_all(const struct firn_build_item *items, size_t n, const char *dest,
			       const struct firn_build_opts *opts, struct firn_build_result **ret,
			       struct firn_error *err);

/**
 * The same for the folder @p dir. project.json in it lists the containers:
 * {"services": [{"name": "web", "archive": "web.tar"}]}; or pod.options of a pod's checkpoint does
 * ("containers": {"web": "FOLDER"}); without them every archive and every folder of a checkpoint in
 * it is a container, in the order of their names, named by what is inside or else by the file.
 *
 * @return as firn_build_all(); -FIRN_ECORRUPT for a document that is none, or that names files
 *         elsewhere; -FIRN_ENOTFOUND for one that isn't there
 */
FIRN_EXPORT int firn_build_project(const char *dir, const char *dest,
				   const struct firn_build_opts *opts,
				   struct firn_build_result **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_build_result *firn_build_result_free(struct firn_build_result *r);

/** @return number of containers */
FIRN_EXPORT size_t firn_build_result_parts(const struct firn_build_result *r);
/**
 * @return the result of the @p i -th container alone, borrowed from @p r; NULL behind the last. Of
 *         several containers only the parts have a checkpoint, a rootfs, a name and an engine: @p r
 *         itself gives NULL for these, and the sum of bytes and losses.
 */
FIRN_EXPORT const struct firn_build_result *firn_build_result_part(
    const struct firn_build_result *r, size_t i);

/** @return digest of the index, "sha256:..."; borrowed from @p r */
FIRN_EXPORT const char *firn_build_result_index(const struct firn_build_result *r);
/** @return digest of the checkpoint image's manifest; borrowed */
FIRN_EXPORT const char *firn_build_result_checkpoint(const struct firn_build_result *r);
/** @return digest of the rootfs image's manifest, NULL when there is none (bare process); borrowed
 */
FIRN_EXPORT const char *firn_build_result_rootfs(const struct firn_build_result *r);
/** @return the container's name, NULL for a bare process without one; borrowed */
FIRN_EXPORT const char *firn_build_result_container(const struct firn_build_result *r);
/** @return who made the checkpoint: "Podman", "CRI-O", "containerd", "criu" (bare); borrowed */
FIRN_EXPORT const char *firn_build_result_engine(const struct firn_build_result *r);
/** @return payload bytes written for the new layers */
FIRN_EXPORT uint64_t firn_build_result_bytes(const struct firn_build_result *r);
/** @return number of things the engine's archive had lost (org.firn.loss) */
FIRN_EXPORT size_t firn_build_result_losses(const struct firn_build_result *r);
/** @return the @p i -th of them as a sentence; borrowed */
FIRN_EXPORT const char *firn_build_result_loss(const struct firn_build_result *r, size_t i);

#ifdef __cplusplus
}
#endif

#endif
