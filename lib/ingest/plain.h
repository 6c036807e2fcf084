/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two layers of a checkpoint image: files and folders, owned by root and for its eyes only,
 * since they hold everything that was in the process' memory. Only names, contents and times are
 * the input's.
 */
#ifndef FIRN_INGEST_PLAIN_H
#define FIRN_INGEST_PLAIN_H

#include "format/tar.h"
#include "ingest/layer_out.h"

struct plain {
	struct layer_out out;
	struct tree *implied; /* folders nobody has described yet */
};

int plain_open(struct plain *p, const struct layer_dest *to, layer_out_watch *watch, void *ctx,
	       struct firn_error *err) _must_check_;
void plain_done(struct plain *p);

/*
 * Add @e, at the place @path of the layer, with the payload @in. Members may come in any order: a
 * folder is made when something below it comes first. -FIRN_ECORRUPT for anything but files (hard
 * links to files of the layer too) and folders.
 */
int plain_add(struct plain *p, const char *path, const struct tar_entry *e, struct istream *in,
	      struct firn_error *err) _must_check_;
/* The link from the dump @number to the dump @parent before it (format/checkpoint.h). */
int plain_add_parent(struct plain *p, unsigned number, unsigned parent, int64_t mtime,
		     uint32_t mtime_ns, struct firn_error *err) _must_check_;
/* A small file from memory. */
int plain_add_text(struct plain *p, const char *path, int64_t mtime, uint32_t mtime_ns,
		   const void *bytes, size_t n, struct firn_error *err) _must_check_;

#endif
