/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What mounting layers of others needs to be made only once (default /var/cache/firn, 0700):
 *
 *   CACHE/blobs/sha256/DIFF_ID   a compressed layer's tar, proven by its digest before it gets the
 *                                name; the folder has the shape of a layout's store
 *   CACHE/index/sha256/DIFF_ID   the EROFS index over an uncompressed layer, and at its end a
 *                                record of the very file it was made from; of one of our own
 *                                layers the record alone: its index was proven
 *   CACHE/tree/sha256/DIFF_ID    a layer as files and folders (view/copied.h)
 *
 * Several processes may make the same file: the first one to name it wins, and both are right. All
 * of it but trees that are mounted may be deleted at any time; mounts keep what they use.
 */
#ifndef FIRN_VIEW_CACHE_H
#define FIRN_VIEW_CACHE_H

#include "base/buf.h"
#include "format/oci.h"
#include "store/store.h"

#include "firn/report.h"

struct cache;

#define CACHE_FOLDER "/var/cache/firn"

/*
 * A layer may unpack to so many times its size (deflate gets to 1032, of a file of zeros), and to
 * this size in any case.
 */
#define CACHE_RATIO_MAX  1100u
#define CACHE_RATIO_FROM (256ull << 20)

/* Opens the folder @path (NULL: CACHE_FOLDER), made when it isn't there. */
int cache_open(const char *path, struct cache **ret, struct firn_error *err) _must_check_;
struct cache *cache_close(struct cache *c);
void cache_closep(struct cache **c);

/*
 * The decompressed tar of the layer @desc in @from, which must come out as @diff_id: from the
 * cache, or made now. Returns an open file.
 */
int cache_layer(struct cache *c, struct store *from, const struct oci_descriptor *desc,
		const struct digest *diff_id, const struct firn_report *report,
		struct firn_error *err) _must_check_;

/*
 * What @src unpacks to, which nobody has a digest of, as an open file without a name. Bytes that
 * aren't compressed are copied.
 */
int cache_unpack(struct cache *c, struct source *src, const char *what,
		 const struct firn_report *report, struct firn_error *err) _must_check_;

/*
 * Where an index comes from: the bytes from @at of an open file, which is known by its device,
 * inode, size and times. An index made from another file, or from this one before it was changed,
 * is not found; nor is that of a file which another user can write to.
 */
struct cache_origin {
	int fd;
	uint64_t at;
};

/*
 * Whether nobody but this user can write to the file: else its times prove nothing. A sealed one
 * (kernel/verity.h) is such whoever owns it: its inode never has another content.
 */
bool cache_is_private(int fd);

/* An open index file, or -FIRN_ENOTFOUND. */
int cache_find_index(struct cache *c, const struct digest *diff_id,
		     const struct cache_origin *origin, struct firn_error *err) _must_check_;
/*
 * Write the index @image, which begins at the image's byte 1024, and return it as an open file.
 * Named by @diff_id, or without a name when that is NULL.
 */
int cache_write_index(struct cache *c, const struct digest *diff_id,
		      const struct cache_origin *origin, const struct buf *image,
		      struct firn_error *err) _must_check_;

/*
 * That the index in the layer's own file is the one of its tar: whether that was proven before, and
 * to note that it was.
 */
bool cache_is_proven(struct cache *c, const struct digest *diff_id,
		     const struct cache_origin *origin);
int cache_note_proven(struct cache *c, const struct digest *diff_id,
		      const struct cache_origin *origin, struct firn_error *err) _must_check_;

/* What is known of the very file: text and zeros, as they stand at the end of an index file too. */
#define CACHE_RECORD 512
int cache_print_origin(const struct cache_origin *origin, char ret[CACHE_RECORD],
		       struct firn_error *err) _must_check_;

/* The folder tree/sha256 of the cache, made when it isn't there. Caller closes. */
int cache_trees(struct cache *c, struct firn_error *err) _must_check_;

#endif
