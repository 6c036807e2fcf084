/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two kinds of content: content_image.c and content_archive.c. Private to content*.c. */
#ifndef FIRN_NODE_CONTENT_PRIV_H
#define FIRN_NODE_CONTENT_PRIV_H

#include "image/image.h"
#include "ingest/engine.h"
#include "node/content.h"
#include "view/archive.h"

struct content_source {
	const struct firn_mount_opts *opts; /* borrowed */
	struct layout *layout;              /* of an image, if it was opened here */
	struct store *store;                /* that an image is in, borrowed; else NULL */
	struct checkpoint_image image;
	struct archive *archive; /* else this */
	/* How to reach the registry that a base may be in; NULL: it may be in none. Borrowed. */
	const struct registry_opts *registry;
	struct base *base;  /* opened when it is needed */
	bool lacks_base;    /* it was needed, and isn't there or is another one */
	struct facts facts; /* what config.dump and spec.dump say */
};

/* Attach the mounted layer @m (its descriptor is taken, also on failure) as the lowest so far. */
int content_push(struct layer_stack *stack, struct stage *stage, struct view_mount m,
		 struct firn_error *err) _must_check_;

/* The base that the caller gave for this container or for all; NULL: none. */
const char *content_given_base(const struct content_source *s);
/* Open the base that the caller gave, and prove that the checkpoint was made from it. */
int content_need_base(struct content_source *s, struct firn_error *err) _must_check_;
/* Its layers, below those that @stack has already. */
int content_push_base(struct content_source *s, const struct view *v, struct stage *stage,
		      struct layer_stack *stack, struct firn_error *err) _must_check_;

/* Who made the checkpoint, from which image: once the data is there. */
int content_learn(struct content_source *s, struct content *c, struct firn_error *err) _must_check_;

/* content_read() and content_has() of content that firn shows itself. */
int content_served_read(const struct content *c, const char *path, size_t max, char **ret,
			size_t *ret_len, struct firn_error *err) _must_check_;
int content_served_has(const struct content *c, const char *path,
		       struct firn_error *err) _must_check_;

int content_image_data(struct content_source *s, const struct view *v, struct stage *stage,
		       struct layer_stack *ret, struct firn_error *err) _must_check_;
int content_image_rootfs(struct content_source *s, const struct view *v, struct stage *stage,
			 struct layer_stack *ret, struct firn_error *err) _must_check_;
int content_archive_data(struct content_source *s, const struct view *v, struct stage *stage,
			 struct layer_stack *ret, struct firn_error *err) _must_check_;
int content_archive_rootfs(struct content_source *s, const struct view *v, struct stage *stage,
			   struct layer_stack *ret, struct firn_error *err) _must_check_;

#endif
