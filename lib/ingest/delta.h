/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rootfs-diff.tar and deleted.files become a layer. Entries go into the layer in the order in which
 * they come, so the diff is read once. Engines leave out the folders above what changed; these are
 * put in just before their first child, as the base has them, because a folder of a layer gives the
 * mounted tree its attributes.
 *
 *	delta_convert()    any time, at most once
 *	delta_delete()     after it, at most once
 */
#ifndef FIRN_INGEST_DELTA_H
#define FIRN_INGEST_DELTA_H

#include "format/deleted.h"
#include "ingest/base.h"
#include "ingest/layer_out.h"
#include "ingest/notes.h"

struct delta {
	struct layer_out out;
	struct base *base;   /* borrowed; NULL when unknown */
	struct notes *notes; /* borrowed */
	char *whiteout;      /* the first deletion that the diff itself made, or NULL */
	struct tree *made;   /* folders that the archive has no entry for */
	bool guessed;        /* one of them was made without knowing its attributes */
};

/* The layer of an engine's changes to the image @base. */
int delta_open(struct delta *d, const struct layer_dest *to, struct base *base, struct notes *notes,
	       layer_out_watch *watch, void *ctx, struct firn_error *err) _must_check_;
void delta_done(struct delta *d);

/*
 * All entries of the tar @in, compressed or not. With @literal a name that means a deletion in
 * layers is an error: the engine's diffs have none, so it would be a file that no layer can hold.
 */
int delta_convert(struct delta *d, struct istream *in, bool literal,
		  struct firn_error *err) _must_check_;
int delta_delete(struct delta *d, const struct deleted *deleted,
		 struct firn_error *err) _must_check_;

#endif
