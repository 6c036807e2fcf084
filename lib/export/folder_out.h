/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder that has its name when it is whole: made beside it under another one and renamed. One
 * that is there and empty is filled as it is, since it may be a mount point, and emptied again when
 * that fails. What a killed process has left goes with the next one. Files share their bytes with a
 * blob's file where the filesystem can.
 */
#ifndef FIRN_EXPORT_FOLDER_OUT_H
#define FIRN_EXPORT_FOLDER_OUT_H

#include "export/blob_in.h"

struct folder_out {
	char *path;  /* as the caller has it */
	char *stage; /* the same, or a temporary name beside it */
	char *above; /* the folder it is in */
	int fd;
	bool existed, done;
	struct work *work;
	uint64_t bytes, shared; /* of all files; of those, in common with blobs */
};

#define FOLDER_OUT_NONE                                                                            \
	{                                                                                          \
		.fd = -1                                                                           \
	}

int folder_out_open(const char *path, struct work *w, struct folder_out *ret,
		    struct firn_error *err) _must_check_;
/* Paths are normalised; folders come before what is in them. */
int folder_out_folder(struct folder_out *f, const char *path, struct firn_error *err) _must_check_;
int folder_out_symlink(struct folder_out *f, const char *path, const char *target,
		       struct firn_error *err) _must_check_;
int folder_out_link(struct folder_out *f, const char *path, const char *to,
		    struct firn_error *err) _must_check_;
/* The bytes [at, at + n) of @b. */
int folder_out_file(struct folder_out *f, const char *path, int64_t mtime, struct blob_in *b,
		    uint64_t at, uint64_t n, struct firn_error *err) _must_check_;
int folder_out_text(struct folder_out *f, const char *path, int64_t mtime, const void *bytes,
		    size_t n, struct firn_error *err) _must_check_;
/* It is all on the disk, and has its name. */
int folder_out_finish(struct folder_out *f, struct firn_error *err) _must_check_;
/* Remove what processes that are gone have not finished, beside the folder @path or in it. */
int folder_out_clean(const char *path, struct firn_error *err) _must_check_;
/* Removes what was not finished. */
void folder_out_done(struct folder_out *f);

#endif
