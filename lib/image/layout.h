/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An OCI image layout (image-spec image-layout.md): oci-layout, index.json, blobs. Entries and
 * annotations of others are kept as they are; index.json is replaced by rename, under flock(2) on
 * the layout's folder, after it was read again.
 */
#ifndef FIRN_IMAGE_LAYOUT_H
#define FIRN_IMAGE_LAYOUT_H

#include "format/oci.h"
#include "format/ref.h"
#include "store/store.h"

struct layout;

enum layout_flags {
	/*
	 * Make it (0700) if it isn't there; an empty folder is taken. Implies LAYOUT_WRITE. Before
	 * the first layout_commit() there is no more of it than empty folders, and layout_close()
	 * removes those again if nothing came of it.
	 */
	LAYOUT_CREATE = 1 << 0,
	LAYOUT_WRITE = 1 << 1,
};

/* Opens the layout folder @path. A folder that is no layout is -FIRN_ECORRUPT. */
int layout_open(const char *path, unsigned flags, struct layout **ret,
		struct firn_error *err) _must_check_;
/*
 * An oci-archive: a tar of a layout, read in place. The layout is at its root or in one folder of
 * it (what "tar c FOLDER" writes); other members are nobody's business. A compressed one (gzip,
 * zstd) is decompressed each time somebody reads backwards in it, and can't be mounted. Read-only.
 */
int layout_open_archive(const char *path, struct layout **ret, struct firn_error *err) _must_check_;
/* The same for the archive in @src, which is taken (also on failure) and called @name. */
int layout_open_source(struct source *src, const char *name, struct layout **ret,
		       struct firn_error *err) _must_check_;
/* Either, by the reference's transport; REF_PATH is looked at. */
int layout_open_ref(const struct ref *ref, struct layout **ret,
		    struct firn_error *err) _must_check_;
struct layout *layout_close(struct layout *l);
void layout_closep(struct layout **l);

struct store *layout_store(struct layout *l); /* borrowed */
const char *layout_path(const struct layout *l);
/* An archive that is compressed: every step back in a blob costs a pass over all of it. */
bool layout_packed(const struct layout *l);

/*
 * The descriptor that index.json has for the reference's tag or digest; with neither, the only
 * entry there is (-FIRN_EINVAL lists the tags when there are more). A digest may also be that of a
 * manifest or index that lies in the layout and has no entry. -FIRN_ENOTFOUND names what was asked
 * for. Free @ret with oci_descriptor_done().
 */
int layout_resolve(struct layout *l, const struct ref *ref, struct oci_descriptor *ret,
		   struct firn_error *err) _must_check_;

/* index.json as it is now; an empty one while a new layout has none. */
int layout_index(struct layout *l, struct oci_index *ret, struct firn_error *err) _must_check_;

struct layout_entry {
	const char *tag;
	const struct oci_descriptor *desc; /* NULL: the tag has to go, if it is there */
};

/* What index.json has for an image: @desc, named @tag instead of what it was (NULL: nameless). */
int layout_entry_json(const struct oci_descriptor *desc, const char *tag, json_t **ret,
		      struct firn_error *err) _must_check_;
/* -FIRN_EEXIST naming the first of @entries whose tag is there already; for a check up front. */
int layout_check_tags(struct layout *l, const struct layout_entry *entries, size_t n,
		      struct firn_error *err) _must_check_;
/*
 * What is read from here on is what a commit finds: nobody else's names change until layout_close()
 * (other tools know no lock). -FIRN_EBUSY after a minute's wait. Whoever has it already has it.
 */
int layout_lock(struct layout *l, struct firn_error *err) _must_check_;
/*
 * What a build ends with: name the sealed @blobs, then @entries in one replacement of index.json,
 * all under the layout's lock. When it fails none of these names is left. A tag that is there
 * already is -FIRN_EEXIST unless @replace; then its entry alone is replaced, at its place.
 * -FIRN_EBUSY after a minute's wait for the lock.
 */
int layout_commit(struct layout *l, struct blob_writer *const *blobs, size_t nblobs,
		  const struct layout_entry *entries, size_t n, bool replace,
		  struct firn_error *err) _must_check_;
/* The same for blobs that have their names. */
int layout_tag(struct layout *l, const struct layout_entry *entries, size_t n, bool replace,
	       struct firn_error *err) _must_check_;

#endif
