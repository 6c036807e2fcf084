/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file Checkpoint images as mounted folders, nothing extracted. */
#ifndef FIRN_MOUNT_H
#define FIRN_MOUNT_H

#include <firn/report.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_mount_opts.flags. */
enum firn_mount_flags {
	FIRN_MOUNT_READ_ONLY = 1 << 0, /**< no writable layer on the rootfs */
	FIRN_MOUNT_STRICT = 1 << 1,    /**< refuse a layer whose own index differs from its tar */
	/** with FUSE only, which it makes the default: prove every layer's digest, and all that is
	   read from it each time */
	FIRN_MOUNT_VERIFY_READS = 1 << 2,
};

/** By which road the bytes of the layers become folders. */
enum firn_mount_method {
	FIRN_MOUNT_AUTO, /**< the first of the others that this host can */
	FIRN_MOUNT_FILE, /**< EROFS on the blobs themselves */
	FIRN_MOUNT_LOOP, /**< EROFS on loop devices over the blobs */
	FIRN_MOUNT_FUSE, /**< a server of our own reads the blobs */
	FIRN_MOUNT_COPY, /**< layers unpacked in the cache, sharing the blobs' bytes if they can */
};

/** How to mount; zero is the default of every member but size. */
struct firn_mount_opts {
	size_t size;           /**< sizeof(struct firn_mount_opts) */
	unsigned flags;        /**< enum firn_mount_flags */
	const char *base;      /**< base image, when the checkpoint image has none inside */
	const char *container; /**< which of several containers */
	/** folder for the rootfs' writable layer (upper/ and work/ in it); NULL: a tmpfs */
	const char *upper;
	const char *cache; /**< decompressed layers; NULL: /var/cache/firn */
	const char *state; /**< what is mounted; NULL: /run/firn */
	const char *const
	    *volumes; /**< "OLD=NEW" each: where a volume of the container lies here */
	size_t nvolumes;
	const char *id; /**< of the container that will run from it: config.json puts it into the
			   cgroup /firn/ID; up to 128 letters, digits or "_+-."; NULL: the
			   checkpoint's name for it */
	const struct firn_report *report; /**< may be NULL */
	/** "NAME=REF" each: the base of one of several containers; others have .base */
	const char *const *bases;
	size_t nbases;
	enum firn_mount_method method; /**< -FIRN_EUNSUPP when this host can't */
};

/** What was mounted. */
struct firn_mounted;

/**
 * Mount a checkpoint as an OCI bundle: config.json, checkpoint/, rootfs/, work/ and the metadata.
 *
 * @param image  "oci:DIR[:TAG|@DIGEST]", "oci-archive:FILE[:TAG]", or an uncompressed engine
 * archive
 * @param dir    an empty folder; made (0700) when it isn't there
 * @param opts   borrowed; NULL means all defaults
 * @param ret    to be freed with firn_mounted_free(); may be NULL
 * @return 0; -FIRN_EBUSY when something is mounted on @p dir; -FIRN_EMISMATCH for a wrong base;
 *         -FIRN_EUNSUPP when the kernel can't; -FIRN_ENOTFOUND (also a volume, or a
 * base that is needed and not given), -FIRN_ECORRUPT, -FIRN_EINVAL, -FIRN_EFAIL. After a failure
 * nothing stays mounted.
 */
FIRN_EXPORT int firn_mount(const char *image, const char *dir, const struct firn_mount_opts *opts,
			   struct firn_mounted **ret, struct firn_error *err);

/** The bundles of several containers. */
struct firn_mounts;

/**
 * Mount all containers of an image. One container is mounted on @p dir as firn_mount() does it, and
 * so is the one that the options name. Of several, container NAME is mounted on DIR/NAME, and its
 * writable layer lies in UPPER/NAME; .id must be NULL then. Containers that had one network
 * namespace together have one together again.
 *
 * @param image  as in firn_mount()
 * @param dir    as in firn_mount(); of several containers nothing is mounted on it itself
 * @param opts   borrowed; NULL means all defaults
 * @param ret    to be freed with firn_mounts_free(); may be NULL
 * @return as firn_mount(); -FIRN_ECORRUPT also for names that can't be folders. After a failure
 *         nothing stays mounted, of none of them.
 */
FIRN_EXPORT int firn_mount_all(const char *image, const char *dir,
			       const struct firn_mount_opts *opts, struct firn_mounts **ret,
			       struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_mounts *firn_mounts_free(struct firn_mounts *m);
/** @return how many there are */
FIRN_EXPORT size_t firn_mounts_count(const struct firn_mounts *m);
/** @return the @p i -th of them in the image's order, NULL behind the last; borrowed */
FIRN_EXPORT const struct firn_mounted *firn_mounts_get(const struct firn_mounts *m, size_t i);

/** @return NULL, always */
FIRN_EXPORT struct firn_mounted *firn_mounted_free(struct firn_mounted *m);
/** @return the absolute path of the bundle; borrowed */
FIRN_EXPORT const char *firn_mounted_dir(const struct firn_mounted *m);
/** @return the container's name, NULL when it has none; borrowed */
FIRN_EXPORT const char *firn_mounted_container(const struct firn_mounted *m);
/** @return digest of the checkpoint image's manifest, NULL for an archive; borrowed */
FIRN_EXPORT const char *firn_mounted_digest(const struct firn_mounted *m);
/** @return how the CRIU images are mounted: "erofs-file", "erofs-file-directio", "erofs-loop",
 * "reflink", "copy", "fuse"; borrowed */
FIRN_EXPORT const char *firn_mounted_method(const struct firn_mounted *m);
/** @return whether there is a rootfs (a bare process has none) */
FIRN_EXPORT int firn_mounted_has_rootfs(const struct firn_mounted *m);

/**
 * Take down what firn_mount() or firn_mount_all() put on @p dir or in it, in order. Also finishes
 * what a killed mount had begun.
 *
 * @param state  as in firn_mount_opts; NULL: /run/firn
 * @return 0, also when nothing is mounted there any more but firn knew of it; -FIRN_ENOTFOUND when
 *         firn never mounted there; -FIRN_EBUSY when somebody uses it, and then nothing is changed
 */
FIRN_EXPORT int firn_umount(const char *dir, const char *state, struct firn_error *err);
/** The same for everything firn has mounted. */
FIRN_EXPORT int firn_umount_all(const char *state, struct firn_error *err);

#ifdef __cplusplus
}
#endif

#endif
