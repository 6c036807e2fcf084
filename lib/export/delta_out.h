/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * R's delta layer in an engine's own words.
 *
 * Podman and CRI-O: rootfs-diff.tar without deletions, and deleted.files. They unpack the first and
 * then remove what the second names, whatever the first has just put there; so of a folder that was
 * removed and made again, what the base had in it is named one by one, which needs the base's
 * layers. Folders are in it that the base doesn't have or has otherwise.
 *
 * containerd: a changeset, gzip, with all folders and with whiteouts.
 *
 * The tar is sized before it is written: it is a member of another tar.
 */
#ifndef FIRN_EXPORT_DELTA_OUT_H
#define FIRN_EXPORT_DELTA_OUT_H

#include "export/tarout.h"
#include "image/image.h"

enum delta_dialect { DELTA_PLAIN, DELTA_CHANGESET };

struct delta_out {
	enum delta_dialect dialect;
	struct blob_in *layer; /* NULL: the container changed nothing, or R isn't there */
	bool verbatim;         /* layer is a gzip changeset as it lies in the store */
	struct tree *tree;     /* of the layer */
	struct tree *base;     /* folders below the delta, and files where it hides some; or NULL */
	uint64_t size;         /* of rootfs-diff.tar; 0: there is none */
	struct buf deleted;    /* deleted.files; empty: there is none */
	struct work *work;
};

int delta_out_open(struct store *s, const struct checkpoint_image *ci, enum delta_dialect dialect,
		   struct work *w, struct delta_out *ret, struct firn_error *err) _must_check_;
void delta_out_done(struct delta_out *d);
/* The d->size bytes of rootfs-diff.tar. */
int delta_out_write(struct delta_out *d, struct sink *to, struct firn_error *err) _must_check_;
int delta_out_prove(struct delta_out *d, struct firn_error *err) _must_check_;

/* The layer of R that is the delta: its number, -1 when there is none. */
ssize_t delta_out_layer(const struct checkpoint_image *ci);

#endif
