/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filesystem delta of a checkpoint as a sorted table: what its tar's headers say, and what was
 * deleted, be that written in deleted.files or as whiteouts. Made by one reading of the headers.
 *
 * A folder that was removed and made again is there twice, as a deletion and as a folder: an
 * opaque mark means the same. A hard link has become the file that it is a name of.
 */
#ifndef FIRN_DIFF_DELTA_H
#define FIRN_DIFF_DELTA_H

#include "base/buf.h"
#include "base/sip.h"
#include "members/members.h"

#define DIFF_DELTA_ENTRIES_MAX 200000u
#define DIFF_DELTA_NAMES_MAX   (6u << 20) /* bytes of all names and targets */

struct diff_delta_entry {
	uint64_t size; /* of a device node: its number, major << 20 | minor */
	int64_t mtime;
	uint64_t xattrs;  /* a hash of them, with the salt; 0: none */
	uint64_t content; /* of a file with delta.content, 0: it wasn't read */
	uint32_t path;    /* in delta.names */
	uint32_t target;  /* likewise, of a symbolic link; 0: none */
	uint32_t mtime_ns, uid, gid;
	uint32_t mode : 16, deletion : 1, hardlink : 1;
};

struct diff_delta {
	struct sip_key
	    salt;     /* of the hashes, the same for both sides; nobody knows it beforehand */
	bool content; /* files' content is hashed */
	bool literal; /* of an engine that writes deleted.files, and may leave folders out */
	struct buf names;
	struct diff_delta_entry *list; /* by path, a deletion before what is there again */
	size_t n, room;
};

void diff_delta_done(struct diff_delta *d);
const char *diff_delta_path(const struct diff_delta *d, const struct diff_delta_entry *e);
const char *diff_delta_target(const struct diff_delta *d, const struct diff_delta_entry *e);

/* All entries of the tar @in (or of @src), before diff_delta_finish(). */
int diff_delta_add_stream(struct diff_delta *d, struct istream *in,
			  struct firn_error *err) _must_check_;
int diff_delta_add_source(struct diff_delta *d, struct source *src,
			  struct firn_error *err) _must_check_;
/* The document deleted.files. */
int diff_delta_add_deleted(struct diff_delta *d, const char *text, size_t len,
			   struct firn_error *err) _must_check_;
/* Nothing comes behind it: sorts, and resolves what is there several times. */
int diff_delta_finish(struct diff_delta *d, struct firn_error *err) _must_check_;

#endif
