/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blobs by digest. A store is a vtable: the folder of an OCI layout (store_dir_open), memory for
 * tests and fuzz targets (store_mem_new), an oci-archive read in place (store_archive_open).
 *
 * Nothing gets its name before its content is proven: a writer's bytes have no name until
 * blob_publish(), which flushes them first.
 */
#ifndef FIRN_STORE_STORE_H
#define FIRN_STORE_STORE_H

#include "bytes/digest.h"
#include "bytes/stream.h"

struct store;
struct blob_writer;
struct store_watch;

struct store *store_close(struct store *s);
void store_closep(struct store **s);

enum store_flags {
	/*
	 * For writing: makes blobs/sha256 (0700) and removes what killed writers left in it.
	 * Closing removes the folders again if it made them and they are empty: store_keep().
	 */
	STORE_WRITE = 1 << 0,
	/*
	 * Blobs of STORE_SEAL_BYTES and more are sealed before they get their name where the file
	 * system can do it (kernel/verity.h). That is one more hash of all of it; where it can't be
	 * done nobody is told.
	 */
	STORE_SEAL = 1 << 1,
};

/* Smaller ones are documents, proven whenever they are read, or not worth it. */
#define STORE_SEAL_BYTES (64u << 10)

/*
 * The store of the OCI layout in the folder @dirfd (borrowed): blobs/ALG/HEX, files 0600.
 * -FIRN_EBUSY for writing when another writer removed the folders under our hands: open it again.
 */
int store_dir_open(int dirfd, unsigned flags, struct store **ret,
		   struct firn_error *err) _must_check_;
int store_mem_new(struct store **ret, struct firn_error *err) _must_check_;

struct store_extent {
	struct digest digest;
	uint64_t at, size;
	char *bytes; /* from malloc: they were kept when they came by; NULL: they are read */
};

/*
 * Blobs that lie in one file (an uncompressed tar of a layout), at the places that @extents says
 * and that the caller knows to be inside the file. Takes @fd and @extents (from malloc), also on
 * failure. Read-only.
 */
int store_archive_open(int fd, struct store_extent *extents, size_t n, struct store **ret,
		       struct firn_error *err) _must_check_;

/*
 * The same in a source that is no file: a range of one, or decompressed on the way. Takes @src,
 * too. What store_open() gives must not outlive the store.
 */
int store_source_open(struct source *src, struct store_extent *extents, size_t n,
		      struct store **ret, struct firn_error *err) _must_check_;

/*
 * What is made on the way somewhere: blobs one behind the other in a file without a name in @folder
 * (NULL: /var/tmp), for as long as the store lives, and not longer after a kill. One writer at a
 * time; when there is none, any number of threads may read.
 */
int store_spool_new(const char *folder, struct store **ret, struct firn_error *err) _must_check_;
/* The blob is no more needed: its room is given back. Sources that were opened must be closed. */
void store_spool_drop(struct store *spool, const struct digest *d);

/* A layout must have its folders (image-layout.md), empty or not: from here on they stay. */
void store_keep(struct store *s);

/* 1 and the blob's size (ret_size may be NULL), 0 when it isn't there. */
int store_has(struct store *s, const struct digest *d, uint64_t *ret_size,
	      struct firn_error *err) _must_check_;
/* Its bytes, unproven. -FIRN_ENOTFOUND names the digest. */
int store_open(struct store *s, const struct digest *d, struct source **ret,
	       struct firn_error *err) _must_check_;
/*
 * The file that holds the blob and where in it (a range of the archive's file for an oci-archive, 0
 * for a layout), for the kernel. Caller closes the descriptor. -FIRN_EUNSUPP for memory.
 */
int store_open_fd(struct store *s, const struct digest *d, int *ret_fd, uint64_t *ret_at,
		  uint64_t *ret_size, struct firn_error *err) _must_check_;
/* A small document: size checked against @size (0: unknown), digest proven. Caller frees. */
int store_read(struct store *s, const struct digest *d, uint64_t size, size_t max, char **ret,
	       size_t *ret_len, struct firn_error *err) _must_check_;

/* A new unnamed blob. @reserve bytes at its beginning are left for blob_fill_head(). */
int blob_new(struct store *s, uint64_t reserve, struct blob_writer **ret,
	     struct firn_error *err) _must_check_;
/* Closes, and throws away what was not published. */
struct blob_writer *blob_free(struct blob_writer *w);
void blob_freep(struct blob_writer **w);
int blob_write(struct blob_writer *w, const void *bytes, size_t n,
	       struct firn_error *err) _must_check_;
/*
 * What the reserved bytes will be if nothing unforeseen comes, before they are filled. Then the
 * digest of a big blob is made beside the writing instead of after it; a guess that turns out wrong
 * costs nothing but that.
 */
int blob_expect_head(struct blob_writer *w, const void *bytes, size_t n,
		     struct firn_error *err) _must_check_;
/* The reserved bytes, exactly as many, once, before blob_seal(). */
int blob_fill_head(struct blob_writer *w, const void *bytes, size_t n,
		   struct firn_error *err) _must_check_;
/*
 * Ends writing: sha256 and size. Without a reserved head the hash was made while writing, with one
 * it is made now, from the page cache.
 */
int blob_seal(struct blob_writer *w, struct digest *ret, uint64_t *ret_size,
	      struct firn_error *err) _must_check_;
/* The bytes of a sealed blob, before it has its name. The source borrows @w. */
int blob_source(struct blob_writer *w, struct source **ret, struct firn_error *err) _must_check_;
/* Of a sealed blob; borrowed. */
const struct digest *blob_digest(const struct blob_writer *w);
/* Have the bytes of a sealed blob on the disk. Publishing does it too, if it wasn't done. */
int blob_flush(struct blob_writer *w, struct firn_error *err) _must_check_;
/* Flush, name, flush the folder. 0, or 1 when the store already had it. */
int blob_publish(struct blob_writer *w, struct firn_error *err) _must_check_;

/*
 * The same for @n sealed blobs of one store, all or none: when one fails, the names that this call
 * gave are taken away again. Another process may have relied on them by then, so callers that share
 * a store do this under one lock (layout_commit() does).
 */
int store_publish(struct store *s, struct blob_writer *const *blobs, size_t n,
		  struct firn_error *err) _must_check_;
/* Take the names away that publishing these blobs gave; those that were there already stay. */
void store_unpublish(struct store *s, struct blob_writer *const *blobs, size_t n);

/* All of that for a document in memory: 0, also when the store had it. */
int store_put(struct store *s, const void *bytes, size_t n, struct digest *ret,
	      struct firn_error *err) _must_check_;
/* The same without the name, for bytes that have to be @d: a sealed blob for store_publish(). */
int blob_of(struct store *s, const struct digest *d, const void *bytes, size_t n,
	    struct blob_writer **ret, struct firn_error *err) _must_check_;
/* The same for the bytes of @src. */
int store_receive(struct store *to, const struct digest *d, struct source *src,
		  const struct store_watch *watch, struct blob_writer **ret,
		  struct firn_error *err) _must_check_;
/* Copy @d from @from to @to, size and digest proven before it gets its name. 1 when it was there.
 */
int store_copy(struct store *to, struct store *from, const struct digest *d, uint64_t size,
	       struct firn_error *err) _must_check_;

/* Told of bytes as they are moved, in the thread that moves them. What it returns below 0 ends it.
 */
struct store_watch {
	int (*moved)(uint64_t n, void *ctx, struct firn_error *err);
	void *ctx;
};

/*
 * The same without the name: a sealed blob for store_publish(), which may hold nothing but the
 * promise that @to has it already (then 1 is returned and publishing looks again).
 */
int store_fetch(struct store *to, struct store *from, const struct digest *d, uint64_t size,
		struct blob_writer **ret, struct firn_error *err) _must_check_;
int store_fetch_watched(struct store *to, struct store *from, const struct digest *d, uint64_t size,
			const struct store_watch *watch, struct blob_writer **ret,
			struct firn_error *err) _must_check_;

#endif
