/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A rootfs-diff.tar that came compressed. containerd writes the very blob that its own store has:
 * an OCI layer, which becomes R's delta as it is. One read keeps the packed bytes as a blob,
 * unpacks them, hashes what comes out and looks at every entry; nothing is written twice. Which
 * engine made the archive may show later only (containerd's members come in the order of their
 * names), so the blob waits, and can be read again to be converted.
 */
#ifndef FIRN_INGEST_CHANGESET_H
#define FIRN_INGEST_CHANGESET_H

#include "bytes/codec.h"
#include "format/tree.h"
#include "ingest/blobs.h"
#include "ingest/layer_out.h"

/*
 * A diff may unpack to so many times its size, and to this size in any case, as when it is mounted.
 * deflate gets to 1032 times: a container may well have made a file of zeros.
 */
#define CHANGESET_RATIO_MAX  1100u
#define CHANGESET_RATIO_FROM (256ull << 20)

struct changeset {
	struct blob_writer *blob; /* sealed; NULL: there is none, or it was given away */
	enum codec codec;
	struct digest digest, diff_id; /* of the packed bytes, of the tar in them */
	uint64_t size;                 /* packed */
	bool empty;                    /* it changes nothing */
	/*
	 * What stops it from being a layer as it is, as the end of a sentence: it can only be
	 * converted. "": nothing.
	 */
	char unfit[160];
};

void changeset_done(struct changeset *c);

/*
 * Read @in, @size bytes of a compressed tar, to its end. -FIRN_ECORRUPT for a tar that is broken or
 * holds what no layer may hold, -FIRN_ELIMIT when it unpacks to too much. @watch may be NULL.
 */
int changeset_take(struct changeset *c, struct store *s, struct istream *in, uint64_t size,
		   enum codec codec, layer_out_watch *watch, void *ctx,
		   struct firn_error *err) _must_check_;

/* The packed bytes once more, while c->blob is there. */
int changeset_source(struct changeset *c, struct source **ret, struct firn_error *err) _must_check_;

#endif
