/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names of a checkpoint image: its tag, and those that a build derives from it for its
 * checkpoint and rootfs images (TAG.ROLE, TAG.CONTAINER.ROLE).
 */
#ifndef FIRN_IMAGE_LABELS_H
#define FIRN_IMAGE_LABELS_H

#include "image/image.h"
#include "image/layout.h"

struct labels {
	struct layout_entry *entries; /* tag and desc are owned; desc may be NULL */
	size_t n, room;               /* up to OCI_MANIFESTS_MAX */
};

void labels_done(struct labels *n);

/* To be taken away: @tag, which is @desc in @index, and what is derived from it and still its own.
 */
int labels_gone(struct labels *n, struct store *s, const struct oci_index *index, const char *tag,
		const struct oci_descriptor *desc, struct firn_error *err) _must_check_;
/*
 * Besides what is given: what was derived from @tag when it was another image than @now, which
 * would be left with a name that says it were this one's.
 */
int labels_replaced(struct labels *given, struct store *s, const struct oci_index *index,
		    const char *tag, const struct digest *now, struct firn_error *err) _must_check_;
/*
 * To be given: @tag for @desc, and for @image, the index that it is (NULL: it is none of ours).
 * What an index says of its images besides what they are doesn't go with the names.
 */
int labels_given(struct labels *n, const struct oci_index *image, const char *tag,
		 const struct oci_descriptor *desc, struct firn_error *err) _must_check_;

#endif
