/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two ways to read bytes. An istream is read once, from its beginning to its end (a pipe, an
 * archive member, a decompressor). A source has a size and is read at any offset (a file, memory, a
 * range of another source). Both are vtables, so that every reader can be tested on memory and
 * fuzzed.
 */
#ifndef FIRN_BYTES_STREAM_H
#define FIRN_BYTES_STREAM_H

#include "base/error.h"
#include "bytes/digest.h"

#include <stdint.h>
#include <sys/types.h>

struct istream;

struct istream_ops {
	/* 1..n bytes, 0 at the end, -FIRN_E... on failure */
	ssize_t (*read)(struct istream *in, void *buf, size_t n, struct firn_error *err);
	/* Free the stream and what it owns. */
	void (*close)(struct istream *in);
};

struct istream {
	const struct istream_ops *ops;
};

void istream_close(struct istream *in); /* NULL is fine */
void istream_closep(struct istream **in);
ssize_t istream_read(struct istream *in, void *buf, size_t n, struct firn_error *err) _must_check_;
/* Up to @n bytes; fewer at the end only. */
ssize_t istream_read_full(struct istream *in, void *buf, size_t n,
			  struct firn_error *err) _must_check_;
/* Everything, NUL-ended; more than @max bytes is -FIRN_ELIMIT. Caller frees. */
int istream_read_all(struct istream *in, size_t max, char **ret, size_t *ret_len,
		     struct firn_error *err) _must_check_;

/* Reads @fd from where it stands. Takes @fd, also on failure. */
int istream_from_fd(int fd, struct istream **ret, struct firn_error *err) _must_check_;
/* Reads borrowed memory. */
int istream_from_mem(const void *bytes, size_t n, struct istream **ret,
		     struct firn_error *err) _must_check_;
struct source;
/* Reads borrowed @src from its beginning. */
int istream_from_source(struct source *src, struct istream **ret,
			struct firn_error *err) _must_check_;

struct source_ops {
	/* Up to n bytes from offset at; fewer at the end only; -FIRN_E... on failure */
	ssize_t (*pread)(struct source *src, void *buf, size_t n, uint64_t at,
			 struct firn_error *err);
	void (*close)(struct source *src);
};

struct source {
	const struct source_ops *ops;
	uint64_t size;
};

void source_close(struct source *src); /* NULL is fine */
void source_closep(struct source **src);
ssize_t source_pread(struct source *src, void *buf, size_t n, uint64_t at,
		     struct firn_error *err) _must_check_;
/* All @n bytes, or -FIRN_ECORRUPT "ends early". */
int source_read_at(struct source *src, void *buf, size_t n, uint64_t at,
		   struct firn_error *err) _must_check_;
/* A regular file. Borrows @fd. */
int source_from_fd(int fd, struct source **ret, struct firn_error *err) _must_check_;
int source_from_mem(const void *bytes, size_t n, struct source **ret,
		    struct firn_error *err) _must_check_;
/* The bytes [at, at + size) of borrowed @whole; -FIRN_ECORRUPT if they aren't all there. */
int source_range(struct source *whole, uint64_t at, uint64_t size, struct source **ret,
		 struct firn_error *err) _must_check_;

#endif
