/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file A checkpoint image back into the archive or folder that engines restore from. */
#ifndef FIRN_EXPORT_H
#define FIRN_EXPORT_H

#include <firn/report.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How to export; zero is the default of every member but size. */
struct firn_export_opts {
	size_t size;           /**< sizeof(struct firn_export_opts) */
	unsigned flags;        /**< none yet */
	const char *container; /**< which of several containers */
	/** "none", "gzip" or "zstd"; NULL: as the checkpoint came, none when that isn't known */
	const char *compress;
	/** folder for layers that have to be unpacked; NULL: that of the file, /var/tmp for "-" */
	const char *tmp;
	const struct firn_report *report; /**< may be NULL */
};

/** What was written. */
struct firn_export_result;

/**
 * Write the checkpoint as the archive of the engine that made it.
 *
 * The very bytes of the input come back from an image that kept it (firn build --keep-source) or
 * its recipe (--engine-delta=archive; unpacked bytes). Otherwise the archive is made anew: the
 * engine's order of members, its modes, its way to write the changes of the filesystem; config.dump
 * is the engine's own, byte for byte.
 *
 * @param image  "oci:DIR[:TAG|@DIGEST]" or "oci-archive:FILE[:TAG]"
 * @param file   replaced when it is there, and only when the whole archive is written and proven;
 *               mode 0600. "-" for standard output; a fifo or device is written to as it is.
 * @param opts   borrowed; NULL means all defaults
 * @param ret    to be freed with firn_export_result_free(); may be NULL
 * @return 0; -FIRN_ECORRUPT when a blob isn't what its digest says; -FIRN_EUNSUPP for an image of
 *         which there is no archive (firn_export_dir() takes it); -FIRN_ENOTFOUND, -FIRN_EINVAL,
 *         -FIRN_ELIMIT, -FIRN_EFAIL. After a failure @p file is what it was; what went to "-" is
 *         worth nothing.
 */
FIRN_EXPORT int firn_export(const char *image, const char *file,
			    const struct firn_export_opts *opts, struct firn_export_result **ret,
			    struct firn_error *err);

/**
 * Write the checkpoint as a folder: CRIU's images in checkpoint/ (and of earlier dumps beside it),
 * the metadata, and the changes of the filesystem as rootfs-diff.tar, an OCI layer. It is what
 * containerd's task API and CRI restore from. The filesystem shares the bytes with the image where
 * it can.
 *
 * @param dir  must not be there or be empty; mode 0700, its files 0600. After a failure it is what
 *             it was.
 * @return as firn_export()
 */
FIRN_EXPORT int firn_export_dir(const char *image, const char *dir,
				const struct firn_export_opts *opts,
				struct firn_export_result **ret, struct firn_error *err);
/**
 * Remove what calls of firn_export_dir() for @p dir have left whose processes were killed. The next
 * such call does that too.
 *
 * @return 0; -FIRN_EBUSY while another process fills @p dir
 */
FIRN_EXPORT int firn_export_dir_clean(const char *dir, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_export_result *firn_export_result_free(struct firn_export_result *r);

/** @return whose checkpoint it is: "Podman", "CRI-O", "containerd", "criu" (bare); static */
FIRN_EXPORT const char *firn_export_result_engine(const struct firn_export_result *r);
/** @return "source", "recipe", "layers" (made anew) or "folder"; static */
FIRN_EXPORT const char *firn_export_result_way(const struct firn_export_result *r);
/** @return "none", "gzip" or "zstd"; static */
FIRN_EXPORT const char *firn_export_result_compression(const struct firn_export_result *r);
/** @return bytes of the archive, or of all files of the folder */
FIRN_EXPORT uint64_t firn_export_result_bytes(const struct firn_export_result *r);
/** @return how many of them the filesystem shares with the image; 0 for an archive */
FIRN_EXPORT uint64_t firn_export_result_shared(const struct firn_export_result *r);

#ifdef __cplusplus
}
#endif

#endif
