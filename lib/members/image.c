/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of a checkpoint image: what is in the layers of C. */
#include "members/priv.h"

#include "base/fd.h"
#include "format/annotations.h"

#include <inttypes.h>
#include <string.h>

static int add_layer(struct members *m, const struct oci_descriptor *desc, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int codec, rc = oci_layer_codec(desc->media_type, &codec, err);

	if (rc < 0 || (rc = store_open(layout_store(m->layout), &desc->digest, &src, err)) < 0)
		return rc;
	if (src->size != desc->size)
		return firn_fail(err, FIRN_ECORRUPT,
				 "has %" PRIu64 " bytes where %" PRIu64 " are announced", src->size,
				 desc->size);
	return members_add_tar(m, take_ptr(&src), err);
}

int members_add_image(struct members *m, struct firn_error *err)
{
	const struct image *image = &m->image.checkpoint;
	char text[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < image->manifest.nlayers; i++) {
		const struct oci_descriptor *desc = &image->manifest.layers[i];
		const char *role = image_layer_role(image, i);
		int rc;

		/* What engines need of their own archive is in R's delta already. */
		if (role && strcmp(role, ORG_FIRN_LAYER_COMPAT) == 0)
			continue;
		rc = add_layer(m, desc, err);
		if (rc < 0)
			return firn_wrap(err, rc, "layer %.19s", digest_text(&desc->digest, text));
	}
	return 0;
}
