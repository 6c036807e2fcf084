/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of an OCI layout, in whatever state it is: a folder, or a tar of one (gzip, zstd).
 * Where image/layout.h refuses what is broken this takes what is there; what is found on the way is
 * told.
 */
#ifndef FIRN_VERIFY_BLOBSET_H
#define FIRN_VERIFY_BLOBSET_H

#include "bytes/digest.h"
#include "bytes/stream.h"
#include "verify/findings.h"

#define BLOBSET_MAX (1u << 17) /* files of a layout; a build of firn's has some ten */

enum blob_flags {
	BLOB_REACHED = 1 << 0,   /* something leads to it */
	BLOB_VISITED = 1 << 1,   /* it is a document and was looked at */
	BLOB_BROKEN = 1 << 6,    /* a document that can't be had: told already */
	BLOB_PROVEN = 1 << 2,    /* its digest was made, right or wrong */
	BLOB_LAYER = 1 << 3,     /* codec is set */
	BLOB_DIFF_ID = 1 << 4,   /* diff_id, config and layer are set */
	BLOB_MOUNTABLE = 1 << 5, /* an annotation says that it is */
};

/* blobs/ALG/HEX */
struct blob {
	struct digest digest;
	uint64_t size, at; /* at: in the archive */
	char *bytes;       /* of a small one in a compressed archive, else NULL */
	unsigned flags;    /* enum blob_flags */
	int codec;         /* enum codec, by the media type that leads here */
	struct digest diff_id;
	uint32_t config; /* the blob that says diff_id, and as which */
	uint32_t layer;
};

struct blobset {
	const char *path; /* as the caller wrote it, borrowed */
	int fd;           /* the folder; -1: an archive */
	struct source *src;
	bool packed;  /* the archive is compressed: reading backwards is slow */
	char *prefix; /* "" or "FOLDER/": where the layout is in the archive */
	struct blob *list;
	size_t n, room, kept;
	char *mark,
	    *index; /* oci-layout, index.json; NULL: not there, or told that it can't be read */
	size_t mark_len, index_len;
	bool mark_there, index_there;
};

/*
 * Lists everything. With @all the files that don't belong there are told as well. A failure: it is
 * neither a folder nor a file, or nothing can be said about it.
 */
int blobset_open(const char *path, bool all, struct findings *f, struct blobset *ret,
		 struct firn_error *err) _must_check_;
void blobset_done(struct blobset *b);

struct blob *blobset_find(struct blobset *b, const struct digest *d);
int blobset_source(struct blobset *b, const struct blob *blob, struct source **ret,
		   struct firn_error *err) _must_check_;

/* "blobs/sha256/HEX" */
#define BLOB_NAME_MAX (sizeof("blobs/sha512/") + DIGEST_TEXT_MAX)
const char *blob_name(const struct digest *d, char ret[BLOB_NAME_MAX]);

#endif
