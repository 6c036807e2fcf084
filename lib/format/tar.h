/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading tar archives: v7, ustar, star, pax and GNU, plain or compressed. Names come out
 * normalised (base/path.h) and otherwise as the bytes they are, so an entry that would leave the
 * tree never gets past here, and no locale has a say.
 *
 * What is passed over: pax global headers, access times and user names, POSIX ACLs
 * (SCHILY.acl.*; no engine writes them), libarchive's second copy of the xattrs, and overlayfs' own
 * xattrs ("trusted.overlay.*", "user.overlay.*"), which would steer the overlay we mount.
 *
 * The headers are parsed here and not by libarchive (it serves bzip2): it follows the
 * process' locale with names (and recomposes them in a UTF-8 one), takes -0.5 s for +0.5 s, reads
 * unknown types as files and the end of the file as the end of the archive.
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
	uint64_t offset; /* where the payload begins; only for uncompressed input and size > 0 */
	int64_t mtime;
	uint32_t mtime_ns;
	struct xattr *xattrs; /* borrowed until the next tar_next() */
};

struct tar_limits {
	uint64_t entries; /* 0: TREE_NODES_MAX */
	uint64_t ratio;   /* unpacked bytes per packed byte, once above 1 GiB unpacked; 0: 200 */
};

/* Borrow @in, which tar_next() reads to its very end. The compression is found by itself (none,
 * gzip, zstd, xz, bzip2). */
int tar_open_stream(struct istream *in, const struct tar_limits *limits, struct tar **ret,
		    struct firn_error *err) _must_check_;
/*
 * Borrow @src, which is read by offset: the payloads that nobody asks for are never touched. For
 * uncompressed archives entries know their offset (relative to the beginning of @src).
 */
int tar_open_source(struct source *src, const struct tar_limits *limits, struct tar **ret,
		    struct firn_error *err) _must_check_;
/* The same where members are used by their places in @src: -FIRN_EUNSUPP when it is compressed. */
int tar_open_plain(struct source *src, const struct tar_limits *limits, struct tar **ret,
		   struct firn_error *err) _must_check_;
void tar_close(struct tar *t);
void tar_closep(struct tar **t);

/*
 * 1 and the next entry (owned by @t until the next call), 0 at the end of the archive. A truncated
 * or broken archive, an empty file, and one that ends without its end-of-archive marker, is
 * -FIRN_ECORRUPT. Bytes behind the marker are allowed. Sparse files, multi-volume parts, unknown
 * types and hard links with a payload of their own are -FIRN_EUNSUPP. A failure is final: later
 * calls say the same.
 */
int tar_next(struct tar *t, const struct tar_entry **ret, struct firn_error *err) _must_check_;

/* Payload of the current entry: 1..n bytes, 0 at its end. */
ssize_t tar_read(struct tar *t, void *buf, size_t n, struct firn_error *err) _must_check_;

/*
 * A stream over what is left of the current entry's payload; may only be closed after the next
 * tar_next(). Caller closes.
 */
int tar_payload(struct tar *t, struct istream **ret, struct firn_error *err) _must_check_;

struct recipe_writer;

/*
 * Before the first tar_next(): from then on @w, which is borrowed, is told all bytes of the
 * uncompressed archive, those of payloads by their path and size.
 */
void tar_record(struct tar *t, struct recipe_writer *w);
/* How the archive is packed: "none", "gzip", "zstd", "xz" or "bzip2". */
const char *tar_packing(const struct tar *t);
/* True when the input is compressed; then entries know no offset. */
bool tar_compressed(const struct tar *t);

/* How whiteouts of the OCI layer dialect (format/whiteout.h) and repeated names are taken. */
enum tar_whiteouts {
	TAR_WHITEOUTS_LITERAL, /* ordinary files: not a changeset */
	TAR_WHITEOUTS_MARK,    /* nodes with whiteout or opaque set (what overlayfs wants) */
	TAR_WHITEOUTS_FOREIGN, /* as MARK; a later entry of a path replaces the earlier one, as
				  engines do when they unpack somebody else's layer */
};

/*
 * Add @e to @tree as node on @device at payload offset @offset. A second entry of one path is
 * -FIRN_ECORRUPT (but see FOREIGN), except that a directory entry describes an implied directory.
 * Hard links must point to an entry that is there; their node has the target's mode. A whiteout and
 * an entry of the same name: the entry counts, and is opaque if it is a directory. *ret may be
 * NULL; it is set to NULL for a mark that makes no node of its own.
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
