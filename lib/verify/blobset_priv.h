/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What blobset*.c share. */
#ifndef FIRN_VERIFY_BLOBSET_PRIV_H
#define FIRN_VERIFY_BLOBSET_PRIV_H

#include "verify/blobset.h"

#define BLOBSET_MARK     "oci-layout"
#define BLOBSET_INDEX    "index.json"
#define BLOBSET_MARK_MAX 4096 /* bytes of an oci-layout file; 30 are usual */

/* A file of the layout, by its name in it. Returns the blob if it is one, else NULL in @ret. */
int blobset_add(struct blobset *b, const char *name, uint64_t size, uint64_t at, struct blob **ret,
		struct firn_error *err) _must_check_;
/* What isn't "blobs/ALG/HEX": tell, when it has no business there. */
void blobset_stray(const char *name, struct findings *f);

int blobset_list_folder(struct blobset *b, bool all, struct findings *f,
			struct firn_error *err) _must_check_;
int blobset_list_archive(struct blobset *b, bool all, struct findings *f,
			 struct firn_error *err) _must_check_;

#endif
