/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/content_priv.h"

#include "base/fd.h"
#include "kernel/fsctx.h"
#include "kernel/overlay.h"

#include <string.h>

int content_archive_data(struct content_source *s, const struct view *v, struct stage *stage,
			 struct layer_stack *ret, struct firn_error *err)
{
	struct view_mount m = { .fd = -1 };
	int rc = archive_mount_data(s->archive, v, &m, err);

	return rc < 0 ? rc : content_push(ret, stage, m, err);
}

/*
 * What the base's layers show together, for the delta to look at: a detached overlay that lives as
 * long as its descriptor. A second lower folder is there because overlayfs wants two.
 */
static int merge(const struct layer_stack *stack, struct stage *stage, struct firn_error *err)
{
	struct overlay o = { .upper = -1,
			     .work = -1,
			     .staging = stage->root,
			     .attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTRS_DATA };
	_free_ int *lowers = calloc(stack->count + 1, sizeof(*lowers));
	_fd_ int empty = -1;

	if (!lowers)
		return firn_fail_oom(err, "base");
	empty = stage_folder(stage->root, "empty", 0700, err);
	if (empty < 0)
		return empty;
	for (size_t i = 0; i < stack->count; i++)
		lowers[i] = stack->items[i].fd;
	lowers[stack->count] = empty;
	o.lowers = lowers;
	o.nlowers = stack->count + 1;
	return overlay_mount(&o, err);
}

/* The delta goes on top of the base, and can be made only when the base is there. */
static int push_delta(struct content_source *s, const struct view *v, struct stage *stage,
		      struct layer_stack *stack, struct firn_error *err)
{
	const enum archive_dialect dialect =
	    s->facts.engine->changeset ? ARCHIVE_CHANGESET : ARCHIVE_LITERAL;
	struct view_mount m = { .fd = -1 }, *items;
	_fd_ int base = merge(stack, stage, err);
	int rc = base;

	if (rc >= 0)
		rc = archive_mount_delta(s->archive, v, dialect,
					 &(const struct archive_base){ .dirfd = base }, &m, err);
	if (rc > 0)
		rc = content_push(stack, stage, m, err) ?: 1;
	if (rc <= 0)
		return rc;
	items = stack->items;
	m = items[stack->count - 1];
	memmove(items + 1, items, (stack->count - 1) * sizeof(*items));
	items[0] = m;
	return 0;
}

int content_archive_rootfs(struct content_source *s, const struct view *v, struct stage *stage,
			   struct layer_stack *ret, struct firn_error *err)
{
	int rc;

	/* Without config.dump it is a process that ran in its host's filesystem. */
	if (!s->facts.config.json && !content_given_base(s))
		return 0;
	rc = content_need_base(s, err);
	if (rc >= 0)
		rc = content_push_base(s, v, stage, ret, err);
	return rc < 0 ? rc : push_delta(s, v, stage, ret, err);
}
