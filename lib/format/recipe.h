/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What makes an engine's archive again byte for byte of the files that were taken out of it: the
 * archive's headers, padding and end as they were, and between them references to the payloads. It
 * describes the uncompressed tar and notes how that was packed.
 *
 *	0   "firn-recipe 1\n", two NULs
 *	16  packing: "none", "gzip", "zstd", "xz" or "bzip2", NULs to 8 bytes
 *	24  bytes of the archive that are in here: u64, as all numbers little endian
 *	32  bytes of the archive that are in payloads: u64
 *	40  the records in the order of the archive, until both sums are reached:
 *	    'B' u32 N, N bytes       these bytes
 *	    'Z' u64 N                N zeros
 *	    'P' u16 N, N bytes, u64  the payload of the member of that path (normalised), its size
 *
 * The same archive gives the same recipe, in whatever pieces it was read. A path comes once in a
 * recipe that is written here; of one that is read, that is for the caller to check, who knows the
 * files.
 */
#ifndef FIRN_FORMAT_RECIPE_H
#define FIRN_FORMAT_RECIPE_H

#include "base/buf.h"
#include "bytes/stream.h"

#define RECIPE_PATH         "firn/source.recipe" /* in the compat layer, as it is */
#define RECIPE_BYTES_MAX    (32u << 20)          /* of a recipe: some 100,000 members */
#define RECIPE_RAW_MAX      (4ull << 30)         /* of an archive that are no payload */
#define RECIPE_PAYLOADS_MAX (1ull << 50)         /* bytes of all payloads */

struct recipe_writer;

/* @packing: one of the words above. */
int recipe_new(const char *packing, struct recipe_writer **ret,
	       struct firn_error *err) _must_check_;
struct recipe_writer *recipe_free(struct recipe_writer *w);
void recipe_freep(struct recipe_writer **w);
/* The next bytes of the archive: headers, padding, end. */
int recipe_bytes(struct recipe_writer *w, const void *bytes, size_t n,
		 struct firn_error *err) _must_check_;
/* Then @size bytes, 1 at least, that are the payload of @path. */
int recipe_payload(struct recipe_writer *w, const char *path, uint64_t size,
		   struct firn_error *err) _must_check_;
/* Append the whole recipe to @ret. Only recipe_free() may follow. */
int recipe_finish(struct recipe_writer *w, struct buf *ret, struct firn_error *err) _must_check_;

struct recipe_reader;

/* Borrows @in. */
int recipe_open(struct istream *in, struct recipe_reader **ret,
		struct firn_error *err) _must_check_;
struct recipe_reader *recipe_close(struct recipe_reader *r);
void recipe_closep(struct recipe_reader **r);

const char *recipe_packing(const struct recipe_reader *r);
/* Bytes of the whole uncompressed archive. */
uint64_t recipe_size(const struct recipe_reader *r);

/* Either bytes, or the payload of a member. Both are the reader's, until its next call. */
struct recipe_piece {
	const void *bytes; /* NULL: a payload */
	const char *path;
	uint64_t size;
};

/*
 * 1 and the next piece, 0 after the last one. Pieces come in the order of the archive and have 1
 * byte at least; sums that don't fit the header's are -FIRN_ECORRUPT.
 */
int recipe_next(struct recipe_reader *r, struct recipe_piece *ret,
		struct firn_error *err) _must_check_;

#endif
