/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A blob of an image, read once from its beginning to its end and proven on the way: that its bytes
 * are those of its digest, and of a layer that what it decompresses to is that of its diff_id. The
 * end of it tells, so it has to be read to there before anything that is made of it gets a name.
 */
#ifndef FIRN_INGEST_BLOB_INPUT_H
#define FIRN_INGEST_BLOB_INPUT_H

#include "format/oci.h"
#include "format/tar.h"
#include "store/store.h"

#define BLOB_INPUT_FILES_MAX (1u << 18) /* entries of a layer: dumps have some hundred */

struct blob_input {
	struct source *src;
	struct istream *bytes;
	struct tar *tar; /* NULL: blob_input_bytes() */
};

struct blob_wanted {
	const struct oci_descriptor *desc;
	const struct digest *diff_id; /* NULL: nobody knows it */
	bool by_diff_id;              /* desc' digest is the diff_id, too (image/docker.h) */
	uint64_t *done;               /* counts the blob's bytes as they are read; may be NULL */
};

/* All of these borrow what @w points to. */
int blob_input_tar(struct store *s, const struct blob_wanted *w, struct blob_input *ret,
		   struct firn_error *err) _must_check_;
/* As they lie, not decompressed. */
int blob_input_bytes(struct store *s, const struct blob_wanted *w, struct blob_input *ret,
		     struct firn_error *err) _must_check_;
void blob_input_done(struct blob_input *b);

/*
 * The headers alone, for a look ahead that proves nothing: 1 and the tar, or 0 when the blob is
 * compressed. ret->bytes is NULL.
 */
int blob_input_headers(struct store *s, const struct oci_descriptor *d, struct blob_input *ret,
		       struct firn_error *err) _must_check_;

#endif
