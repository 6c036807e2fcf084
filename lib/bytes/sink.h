/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where bytes go that are written once, from the first to the last: a file, a pipe, the body of an
 * upload, a compressor in front of one of these, memory in tests. The counterpart of struct
 *istream.
 *
 *	sink_from_fd(fd, &file, err); codec_writer(CODEC_ZSTD, file, &packed, err);
 *	sink_write(packed, ...); sink_finish(packed, err); sink_finish(file, err);
 *
 * Only a sink that was finished has passed on all of its bytes; closing one that wasn't gives up.
 */
#ifndef FIRN_BYTES_SINK_H
#define FIRN_BYTES_SINK_H

#include "base/buf.h"

struct sink;

struct sink_ops {
	/* All @n bytes, or -FIRN_E... */
	int (*write)(struct sink *s, const void *bytes, size_t n, struct firn_error *err);
	/* Pass on what is held back, and the end's mark if there is one. NULL: nothing to do. */
	int (*finish)(struct sink *s, struct firn_error *err);
	/* Free the sink and what it owns. */
	void (*close)(struct sink *s);
};

struct sink {
	const struct sink_ops *ops;
};

int sink_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err) _must_check_;
/* @n zero bytes. */
int sink_zeros(struct sink *s, uint64_t n, struct firn_error *err) _must_check_;
/* After the last byte, once. What the sink writes to is the caller's to finish. */
int sink_finish(struct sink *s, struct firn_error *err) _must_check_;
void sink_close(struct sink *s); /* NULL is fine */
void sink_closep(struct sink **s);

/* Writes to borrowed @fd from where it stands. A reader that has gone is an error (EPIPE) if the
 * process doesn't die of SIGPIPE. */
int sink_from_fd(int fd, struct sink **ret, struct firn_error *err) _must_check_;
/* Appends to borrowed @to. */
int sink_from_buf(struct buf *to, struct sink **ret, struct firn_error *err) _must_check_;

#endif
