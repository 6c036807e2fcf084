/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading tar archives of any dialect (ustar, pax, GNU), compressed or not, with libarchive. Names
 * come out normalised (base/path.h), so an entry that would leave the tree never gets past here.
 */
#ifndef FIRN_FORMAT_TAR_H
#define FIRN_FORMAT_TAR_H

#include "bytes/stream.h"
#include "format/tree.h"

struct tar;

struct tar_entry {
	char *path;    /* normalised; "" is the root folder */
	char *target;  /* symbolic link: verbatim; hard link: normalised; else NULL */
	uint32_t mode; /* type and permissions; a hard link has the type S_IFREG */
	bool hardlink;
	uint32_t uid, gid, major, minor;
	uint64_t size;   /* payload bytes */
	uint64_t offset; /* where the payload begins; only for uncompressed input */
	int64_t mtime;
	uint32_t mtime_ns;
	struct xattr *xattrs; /* borrowed until the next tar_next() */
};

struct tar_limits {
	uint64_t entries; /* 0: TREE_NODES_MAX */
	uint64_t ratio;   /* unpacked bytes per packed byte, once above 1 GiB unpacked; 0: 200 */
};

/* Borrow @in. The compression is found by itself (none, gzip, zstd, xz, bzip2). */
int tar_open_stream(struct istream *in, const struct tar_limits *limits, struct tar **ret,
		    struct firn_error *err) _must_check_;
/*
 * Borrow @src, which is read by offset: the payloads that nobody asks for are never touched. For
 * uncompressed archives entries know their offset (relative to the beginning of @src).
 */
int tar_open_source(struct source *src, const struct tar_limits *limits, struct tar **ret,
		    struct firn_error *err) _must_check_;
void tar_close(struct tar *t);
void tar_closep(struct tar **t);

/*
 * 1 and the next entry (owned by @t until the next call), 0 at the end of the archive. A truncated
 * or broken archive, and one that ends without its end-of-archive marker, is -FIRN_ECORRUPT. Sparse
 * entries, multi-volume parts and unknown types are -FIRN_EUNSUPP. pax global headers are ignored.
 */
int tar_next(struct tar *t, const struct tar_entry **ret, struct firn_error *err) _must_check_;

/* Payload of the current entry: 1..n bytes, 0 at its end. */
ssize_t tar_read(struct tar *t, void *buf, size_t n, struct firn_error *err) _must_check_;

/* A stream over the payload of the current entry, valid until the next tar_next(). */
int tar_payload(struct tar *t, struct istream **ret, struct firn_error *err) _must_check_;

/* True when the input is compressed, known after the first tar_next(). */
bool tar_compressed(const struct tar *t);

/* How whiteouts of the OCI layer dialect (".wh.NAME", ".wh..wh..opq") are taken. */
enum tar_whiteouts {
	TAR_WHITEOUTS_LITERAL, /* ordinary files: not a changeset */
	TAR_WHITEOUTS_MARK,    /* nodes with whiteout or opaque set (what overlayfs wants) */
};

/*
 * Add @e to @tree as node on @device at payload offset @offset. A second entry of one path is
 * -FIRN_ECORRUPT, except that a directory entry describes an implied directory. Hard links must
 * point to an entry that is there. *ret may be NULL; it is set to NULL for an opaque mark.
 */
int tar_apply(struct tree *tree, const struct tar_entry *e, enum tar_whiteouts how, uint16_t device,
	      uint64_t offset, struct node **ret, struct firn_error *err) _must_check_;

/*
 * The whole uncompressed tar in @src as a tree: headers only, no payload is read. Offsets are
 * relative to @src plus @base (for a tar inside a file: where @src begins in it).
 */
int tar_scan(struct source *src, enum tar_whiteouts how, uint16_t device, uint64_t base,
	     struct tree **ret, struct firn_error *err) _must_check_;

#endif
