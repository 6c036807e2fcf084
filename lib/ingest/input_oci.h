/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checkpoints that come as OCI content (locate/locate.h). Members come in an order of our own,
 * documents first where that costs nothing; every blob is proven while it is read.
 */
#ifndef FIRN_INGEST_INPUT_OCI_H
#define FIRN_INGEST_INPUT_OCI_H

#include "ingest/input.h"
#include "locate/locate.h"

/* The members of the image, or of the ctr checkpoint, in @l, which is taken and left empty. */
int input_open_image(struct located *l, struct input **ret, struct firn_error *err) _must_check_;
int input_open_ctr(struct located *l, struct input **ret, struct firn_error *err) _must_check_;

/* What @ref (no REF_PATH) names in its layout. */
int input_open_ref(const struct ref *ref, struct input **ret, struct firn_error *err) _must_check_;
/* The layout in the folder @path. */
int input_open_layout(const char *path, struct input **ret, struct firn_error *err) _must_check_;

/*
 * The archive that the regular file @fd (borrowed; its offset stays) is, if it is OCI content: 1,
 * or 0 when it is none and may be an engine's. @name is for messages.
 */
int input_open_archive(int fd, const char *name, struct input **ret,
		       struct firn_error *err) _must_check_;

#endif
