/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes of a blob, proven while they are used. Whoever reads it from the front to the back pays
 * one read: the hash goes along, over the gaps too. What was hashed may be read again. Nothing made
 * of the bytes may get a name before blob_in_prove() has seen the end.
 *
 * A layer that somebody has compressed is unpacked once, to a file without a name, and is proven
 * (by its diff_id) when blob_in_layer() returns.
 */
#ifndef FIRN_EXPORT_BLOB_IN_H
#define FIRN_EXPORT_BLOB_IN_H

#include "bytes/sink.h"
#include "export/work.h"
#include "format/oci.h"
#include "store/store.h"

struct blob_in;

/* A layer may unpack to so many times its size, and to this size in any case, as when mounted. */
#define BLOB_IN_RATIO_MAX  1100u
#define BLOB_IN_RATIO_FROM (256ull << 20)

/* The blob as it lies in the store. -FIRN_ECORRUPT when it hasn't the size of @desc. */
int blob_in_open(struct store *s, const struct oci_descriptor *desc, struct blob_in **ret,
		 struct firn_error *err) _must_check_;
/* The uncompressed tar of the layer @desc. */
int blob_in_layer(struct store *s, const struct oci_descriptor *desc, const struct digest *diff_id,
		  struct work *w, struct blob_in **ret, struct firn_error *err) _must_check_;
struct blob_in *blob_in_close(struct blob_in *b);
void blob_in_closep(struct blob_in **b);

uint64_t blob_in_size(const struct blob_in *b);
/* The same bytes, unproven: for headers, which are read once more for the proof. Borrowed. */
struct source *blob_in_source(struct blob_in *b);
/* The file that has them, and from where on; -1: none. Borrowed. */
int blob_in_fd(const struct blob_in *b, uint64_t *ret_at);

/* All of [at, at + n) to @out; NULL @out only hashes. @what is for the progress. */
int blob_in_copy(struct blob_in *b, uint64_t at, uint64_t n, struct sink *out, struct work *w,
		 const char *what, struct firn_error *err) _must_check_;
/* [at, at + n) in memory, with a NUL behind it. Caller frees. */
int blob_in_text(struct blob_in *b, uint64_t at, size_t n, char **ret,
		 struct firn_error *err) _must_check_;
/* Hash what nobody has asked for; -FIRN_ECORRUPT when the whole isn't what it has to be. */
int blob_in_prove(struct blob_in *b, struct firn_error *err) _must_check_;

#endif
