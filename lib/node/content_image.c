/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/content_priv.h"

#include "format/annotations.h"

#include <string.h>

/* Layer @i of @image, the lowest of @stack so far. */
static int push_layer(struct content_source *s, const struct view *v, struct stage *stage,
		      const struct image *image, size_t i, enum view_use use,
		      struct layer_stack *stack, struct firn_error *err)
{
	struct view_mount m = { .fd = -1 };
	int rc = view_layer(v, s->store, &image->manifest.layers[i], &image->config.diff_ids[i],
			    use, &m, err);

	return rc < 0 ? rc : content_push(stack, stage, m, err);
}

int content_image_data(struct content_source *s, const struct view *v, struct stage *stage,
		       struct layer_stack *ret, struct firn_error *err)
{
	const struct image *image = &s->image.checkpoint;
	int rc = 0;

	for (size_t i = image->manifest.nlayers; rc >= 0 && i-- > 0;) {
		const char *role = image_layer_role(image, i);

		/* What engines need of their own archive is in R's delta already. */
		if (!role || strcmp(role, ORG_FIRN_LAYER_COMPAT) != 0)
			rc = push_layer(s, v, stage, image, i, VIEW_DATA, ret, err);
	}
	return firn_wrap(err, rc, "checkpoint image");
}

int content_image_rootfs(struct content_source *s, const struct view *v, struct stage *stage,
			 struct layer_stack *ret, struct firn_error *err)
{
	const struct image *image = &s->image.rootfs;
	const struct firn_report *report = s->opts->report;
	int rc = 0;

	if (!image->desc.digest.alg)
		return 0;
	if (s->image.external_base)
		rc = content_need_base(s, err);
	else if (content_given_base(s) && report && report->warn)
		report->warn("the image has its base inside: the one given is not used",
			     report->ctx);
	for (size_t i = image->manifest.nlayers; rc >= 0 && i-- > 0;)
		rc = push_layer(s, v, stage, image, i, VIEW_ROOTFS, ret, err);
	if (rc >= 0 && s->image.external_base)
		rc = content_push_base(s, v, stage, ret, err);
	return firn_wrap(err, rc, "rootfs image");
}
