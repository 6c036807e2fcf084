/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One tar member's headers as firn prints them: a POSIX ustar block (IEEE 1003.1 pax, "ustar
 * Interchange Format"), before it an extended header "x" with the pax records that the block has no
 * room for. Printing only: format/tar.h reads.
 */
#ifndef FIRN_FORMAT_USTAR_H
#define FIRN_FORMAT_USTAR_H

#include "base/buf.h"
#include "format/tree.h"

#define USTAR_BLOCK 512u
/* Go's archive/tar and busybox stop at 1 MiB of records, libarchive a little below. */
#define PAX_RECORDS_MAX (900u << 10)
#define PAX_COMMENT_MIN 12u /* "12 comment=\n" */

#define USTAR_NAME   100u
#define USTAR_PREFIX 155u

enum ustar_type {
	USTAR_FILE = '0',
	USTAR_HARDLINK = '1',
	USTAR_SYMLINK = '2',
	USTAR_CHAR = '3',
	USTAR_BLOCKDEV = '4',
	USTAR_DIR = '5',
	USTAR_FIFO = '6',
	USTAR_PAX = 'x',
};

struct ustar {
	const char *name; /* a folder's ends with a slash */
	const char *link; /* NULL: none */
	enum ustar_type type;
	uint32_t mode; /* permissions */
	uint32_t uid, gid, major, minor;
	uint64_t size;
	int64_t mtime;
	uint32_t mtime_ns; /* 0 when mtime is negative: readers disagree on what that would mean */
	const struct xattr *xattrs;
};

/* What a node of @mode (S_IFMT) is; for all that tar has no type for: a fifo. */
enum ustar_type ustar_type_of(uint32_t mode);
/* Append the block. What doesn't fit is cut off (names) or in base 256 (numbers, as GNU tar). */
void ustar_put(struct buf *out, const struct ustar *m);
/* Append the records that @m needs besides its block; none for a member that fits. */
int pax_put_records(struct buf *out, const struct ustar *m, struct firn_error *err) _must_check_;
/* Append a comment of exactly @bytes, which are PAX_COMMENT_MIN at least. */
void pax_put_comment(struct buf *out, size_t bytes);
/* Append "BYTES comment=", the beginning of such a record. */
void pax_begin_comment(struct buf *out, size_t bytes);

#endif
