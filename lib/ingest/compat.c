/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/compat.h"

#include "base/fd.h"

#include <string.h>

#define COMPAT_FILE (S_IFREG | 0600)

int compat_open(struct compat *c, const struct layer_dest *to, struct input *in,
		struct firn_error *err)
{
	int rc = plain_open(&c->files, to, NULL, NULL, err);

	return rc < 0 ? rc : input_record(in, &c->recipe, err);
}

void compat_done(struct compat *c)
{
	plain_done(&c->files);
	c->recipe = recipe_free(c->recipe);
}

int compat_check_name(const char *path, struct firn_error *err)
{
	if (strcmp(path, RECIPE_PATH) != 0)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "%s is no name for an engine's file", path);
}

int compat_begin(struct compat *c, const struct tar_entry *e, struct firn_error *err)
{
	const struct layer_entry entry = {
		.path = e->path,
		.mode = COMPAT_FILE,
		.size = e->size,
		.mtime = e->mtime,
		.mtime_ns = e->mtime_ns,
	};

	return layer_out_begin(&c->files.out, &entry, err);
}

int compat_put(struct compat *c, const void *bytes, size_t n, struct firn_error *err)
{
	return layer_out_put(&c->files.out, bytes, n, err);
}

int compat_add(struct compat *c, const struct tar_entry *e, const char *text,
	       struct firn_error *err)
{
	return plain_add_text(&c->files, e->path, e->mtime, e->mtime_ns, text, (size_t)e->size,
			      err);
}

/* It has no time of its own. */
static int add_recipe(struct compat *c, struct firn_error *err)
{
	_buf_ struct buf recipe = BUF_INIT;
	int rc = recipe_finish(c->recipe, &recipe, err);

	c->recipe = recipe_free(c->recipe);
	if (rc < 0)
		return rc;
	return plain_add_text(&c->files, RECIPE_PATH, 0, 0, recipe.data, recipe.len, err);
}

int compat_finish(struct compat *c, struct firn_error *err)
{
	int rc = c->recipe ? add_recipe(c, err) : 0;

	return rc < 0 ? rc : !layer_empty(c->files.out.layer);
}
