/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the layers of an image show together, while they are read from the topmost down, each once:
 * an entry is seen unless a layer above has its path, or hides it. Nothing is kept but names.
 */
#ifndef FIRN_LOCATE_COVER_H
#define FIRN_LOCATE_COVER_H

#include "format/tar.h"

#define COVER_NAMES_MAX (1u << 17) /* of all layers; some 25 MiB */

struct cover {
	struct tree *tree; /* node.device: the number of the layer that has it, from 1 down */
	uint16_t layer;
};

int cover_open(struct cover *c, struct firn_error *err) _must_check_;
void cover_done(struct cover *c);

/* The next layer down begins. */
void cover_descend(struct cover *c);

/* 1 when @e is seen, 0 when it is hidden, or hides. */
int cover_take(struct cover *c, const struct tar_entry *e, struct firn_error *err) _must_check_;

#endif
