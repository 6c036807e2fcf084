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

struct store *store_close(struct store *s);
void store_closep(struct store **s);

/* The store of the OCI layout in the folder @dirfd (borrowed): blobs/ALG/HEX, files 0600. */
int store_dir_open(int dirfd, struct store **ret, struct firn_error *err) _must_check_;
int store_mem_new(struct store **ret, struct firn_error *err) _must_check_;
/* The blobs of an uncompressed tar of a layout, read where they lie. Takes @fd. Read-only. */
int store_archive_open(int fd, struct store **ret, struct firn_error *err) _must_check_;

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
/* The reserved bytes, exactly as many, once. */
int blob_fill_head(struct blob_writer *w, const void *bytes, size_t n,
		   struct firn_error *err) _must_check_;
/* Ends writing: sha256 and size. Without a reserved head the hash was made while writing. */
int blob_seal(struct blob_writer *w, struct digest *ret, uint64_t *ret_size,
	      struct firn_error *err) _must_check_;
/* Flush, name, flush the folder. 0, or 1 when the store already had it. */
int blob_publish(struct blob_writer *w, struct firn_error *err) _must_check_;
/* All of that for a document in memory. */
int store_put(struct store *s, const void *bytes, size_t n, struct digest *ret,
	      struct firn_error *err) _must_check_;
/*
 * Copy @d from @from to @to, size and digest proven before it gets its name. 1 when it was there.
 * @progress (may be NULL) is told the bytes copied by each step; non-zero return stops.
 */
int store_copy(struct store *to, struct store *from, const struct digest *d, uint64_t size,
	       struct firn_error *err) _must_check_;

#endif
