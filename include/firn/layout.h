/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file Upkeep of layouts: names of images, and the space of what nobody names any more. */
#ifndef FIRN_LAYOUT_H
#define FIRN_LAYOUT_H

#include <firn/report.h>
#include <firn/value.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Give an image one more name. A checkpoint image's checkpoint and rootfs get theirs, too, as
 * firn_build() gives them: TAG.checkpoint and TAG.rootfs.
 *
 * @param image  "oci:DIR[:TAG|@DIGEST]"; without a tag or digest the only image there is
 * @param tag    the new name; one that is there already is -FIRN_EEXIST
 * @param force  ... unless this is set: then the other image loses it
 * @return 0; -FIRN_EEXIST; -FIRN_EINVAL for a name that is none, or when it takes a tag or
 *         digest to tell which image; -FIRN_ENOTFOUND, -FIRN_ECORRUPT, -FIRN_EBUSY, -FIRN_EFAIL
 */
FIRN_EXPORT int firn_tag(const char *image, const char *tag, int force, struct firn_error *err);

/** What firn_rm() or firn_gc() did. */
struct firn_upkeep;

/**
 * Take a name away, and those of its checkpoint and rootfs images. Blobs stay until firn_gc().
 *
 * @param image  "oci:DIR:TAG"
 * @param ret    to be freed with firn_upkeep_free(): an object with the list "tags"; may be NULL
 * @return 0; -FIRN_EINVAL for what has no tag; -FIRN_ENOTFOUND, -FIRN_ECORRUPT, -FIRN_EBUSY,
 *         -FIRN_EFAIL
 */
FIRN_EXPORT int firn_rm(const char *image, struct firn_upkeep **ret, struct firn_error *err);

/** For firn_gc_opts.flags. */
enum firn_gc_flags {
	FIRN_GC_DRY_RUN = 1 << 0,  /**< find out, change nothing */
	FIRN_GC_NO_GRACE = 1 << 1, /**< young blobs as well: grace is 0 seconds */
};

/** What to remove; zero is the default of every member but size. */
struct firn_gc_opts {
	size_t size;    /**< sizeof(struct firn_gc_opts) */
	unsigned flags; /**< enum firn_gc_flags */
	/**
	 * Seconds for which blobs are kept that nothing refers to; 0: an hour. Other tools write
	 * blobs first and then the index that names them, without a lock.
	 */
	uint64_t grace;
	/**
	 * Which checkpoints lose their tags before: of each container (and pod) those that are
	 * neither among the newest keep_last nor younger than keep_within seconds; then the oldest
	 * ones as long as the others' blobs have more than max_bytes together. 0: not asked for.
	 * The newest of a container always stays, and so does all that is no checkpoint image.
	 */
	uint64_t keep_last, keep_within, max_bytes;
	const struct firn_report *report; /**< may be NULL */
};

/**
 * Remove the blobs that nothing in the layout refers to, index.json's entries, nested indexes and
 * subjects included. Nothing is removed while a build writes to the layout (-FIRN_EBUSY after a
 * minute), nor when a document that is referred to can't be read. What is mounted goes on: the
 * kernel keeps the file.
 *
 * @param layout  "oci:DIR" or "DIR"
 * @param opts    borrowed; NULL means all defaults
 * @param ret     to be freed with firn_upkeep_free(); may be NULL. An object: "tags" that were
 *                taken away, "blobs" and "bytes" that were removed, "removed" their digests,
 *                "partial" and "partial_bytes" of downloads that nobody went on with,
 *                "young_blobs" and "young_bytes" that are kept for their age,
 *                "absent" documents that are referred to and not there
 * @return 0; -FIRN_EINVAL for an image of it; -FIRN_ENOTFOUND, -FIRN_ECORRUPT, -FIRN_EBUSY,
 *         -FIRN_EFAIL
 */
FIRN_EXPORT int firn_gc(const char *layout, const struct firn_gc_opts *opts,
			struct firn_upkeep **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_upkeep *firn_upkeep_free(struct firn_upkeep *u);
/** @return the object; borrowed */
FIRN_EXPORT const struct firn_value *firn_upkeep_value(const struct firn_upkeep *u);

#ifdef __cplusplus
}
#endif

#endif
