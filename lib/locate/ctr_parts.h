/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a checkpoint of ctr's: its index, and the runtime configuration in one of them. */
#ifndef FIRN_LOCATE_CTR_PARTS_H
#define FIRN_LOCATE_CTR_PARTS_H

#include "format/ctr.h"
#include "locate/locate.h"

struct ctr_parts {
	struct oci_index index;
	char *text; /* of the index */
	size_t len;
	char *config;
	const char *spec; /* in config; not NUL-ended */
	size_t spec_len;
	const char *image_name;            /* of the base, NULL: not told */
	const struct oci_descriptor *base; /* of that image, if the index has it; else NULL */
};

/* Of the checkpoint in @l, of kind LOCATED_CTR. It must have CRIU's images, and no part twice. */
int ctr_parts_read(const struct located *l, struct ctr_parts *ret,
		   struct firn_error *err) _must_check_;
void ctr_parts_done(struct ctr_parts *p);

/* NULL: there is none. */
const struct oci_descriptor *ctr_parts_find(const struct ctr_parts *p, enum ctr_part part);

#endif
