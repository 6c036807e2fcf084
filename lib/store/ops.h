/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a kind of store implements; store.h's functions check the order of calls and come here. For
 * those who implement one.
 */
#ifndef FIRN_STORE_OPS_H
#define FIRN_STORE_OPS_H

#include "store/store.h"

#include <stdbool.h>

struct store_ops {
	/* Where the blob is: 1 and all of the outputs, 0 when it isn't there. */
	int (*has)(struct store *s, const struct digest *d, uint64_t *ret_size,
		   struct firn_error *err);
	/*
	 * These two fail with -FIRN_ENOTFOUND for an absent blob; the caller adds the digest. NULL
	 * in open: it is what open_fd finds.
	 */
	int (*open)(struct store *s, const struct digest *d, struct source **ret,
		    struct firn_error *err);
	/* NULL: the blobs are in no file. */
	int (*open_fd)(struct store *s, const struct digest *d, int *ret_fd, uint64_t *ret_at,
		       uint64_t *ret_size, struct firn_error *err);
	/* NULL: read-only. Sets ops of the zeroed writer, store.c the rest. */
	int (*writer)(struct store *s, enum digest_alg alg, uint64_t reserve,
		      struct blob_writer **ret, struct firn_error *err);
	/* Names are durable when this returns. */
	int (*sync)(struct store *s, struct firn_error *err);
	void (*keep)(struct store *s); /* may be NULL */
	void (*close)(struct store *s);
};

struct store {
	const struct store_ops *ops;
};

struct blob_ops {
	int (*write)(struct blob_writer *w, const void *bytes, size_t n, struct firn_error *err);
	int (*expect_head)(struct blob_writer *w, const void *bytes,
			   struct firn_error *err); /* NULL: no use for it */
	int (*fill_head)(struct blob_writer *w, const void *bytes, struct firn_error *err);
	/*
	 * The whole content of an empty blob, from the file @fd: 1 when the file system shares it,
	 * 0 when it has to be written. NULL: never shared.
	 */
	int (*share)(struct blob_writer *w, int fd, uint64_t size, const struct store_watch *watch,
		     struct firn_error *err);
	/* Sets w->digest and w->size. */
	int (*seal)(struct blob_writer *w, struct firn_error *err);
	/* All bytes of a sealed blob; NULL: there are none to be had. */
	int (*source)(struct blob_writer *w, struct source **ret, struct firn_error *err);
	int (*flush)(struct blob_writer *w, struct firn_error *err);
	/* 0 named, 1 the store has it already. */
	int (*name)(struct blob_writer *w, struct firn_error *err);
	void (*unname)(struct blob_writer *w);
	void (*free)(struct blob_writer *w);
};

struct blob_writer {
	const struct blob_ops *ops;
	struct store *store;
	uint64_t reserve;
	struct digest digest;
	uint64_t size;
	bool head_filled, sealed, flushed, named;
};

/* The bytes [at, at + size) of @fd as a source that takes @fd, also on failure. */
int extent_source(int fd, uint64_t at, uint64_t size, struct source **ret,
		  struct firn_error *err) _must_check_;

#endif
