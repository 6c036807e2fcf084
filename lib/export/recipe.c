/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's very archive: raw bytes of the recipe, and payloads of the layers in between. */
#include "export/ways.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/recipe.h"

#include <string.h>

static int put_payload(struct archive *a, const struct recipe_piece *p, struct sink *to,
		       struct firn_error *err)
{
	const struct node *n;
	char quoted[PATH_QUOTE_MAX];

	if (a->has_config && strcmp(p->path, CHECKPOINT_CONFIG) == 0) {
		if (p->size != a->config.len)
			return firn_fail(err, FIRN_ECORRUPT, "recipe: %s has %zu bytes, not %llu",
					 p->path, a->config.len, (unsigned long long)p->size);
		work_progress(a->work, p->path, p->size);
		return sink_write(to, a->config.data, a->config.len, err);
	}
	n = files_find(a->files.compat, p->path);
	if (!n)
		n = files_find(a->files.tree, p->path);
	if (!n || n->size != p->size)
		return firn_fail(err, FIRN_ECORRUPT, "recipe: no file %s of %llu bytes",
				 path_quote(p->path, quoted), (unsigned long long)p->size);
	return blob_in_copy(files_layer(&a->files, n), n->offset, n->size, to, a->work, p->path,
			    err);
}

static int put_pieces(struct archive *a, struct recipe_reader *r, struct sink *to,
		      struct firn_error *err)
{
	struct recipe_piece p;
	int rc;

	a->work->total = recipe_size(r);
	while ((rc = recipe_next(r, &p, err)) > 0) {
		if (p.bytes)
			rc = sink_write(to, p.bytes, (size_t)p.size, err);
		else
			rc = put_payload(a, &p, to, err);
		if (rc < 0)
			return rc;
		if (p.bytes)
			work_progress(a->work, "archive", p.size);
	}
	return rc;
}

/* Of the ways to pack that engines read, firn writes two. */
static enum codec packing_codec(struct archive *a, const char *packing)
{
	if (strcmp(packing, codec_name(CODEC_GZIP)) == 0)
		return CODEC_GZIP;
	if (strcmp(packing, codec_name(CODEC_ZSTD)) == 0)
		return CODEC_ZSTD;
	if (strcmp(packing, codec_name(CODEC_NONE)) != 0 && !a->how->compress)
		work_warn(a->work, "the archive was packed by %s, now it isn't packed", packing);
	return CODEC_NONE;
}

int ways_recipe(struct archive *a, struct sink *out, struct export_told *told,
		struct firn_error *err)
{
	const struct node *n = files_find(a->files.compat, RECIPE_PATH);
	_cleanup_(recipe_closep) struct recipe_reader *r = NULL;
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(sink_closep) struct sink *packer = NULL;
	_free_ char *text = NULL;
	int rc;

	if (!n)
		return 0;
	if ((rc = files_text(&a->files, n, RECIPE_BYTES_MAX, &text, err)) < 0 ||
	    (rc = istream_from_mem(text, (size_t)n->size, &in, err)) < 0 ||
	    (rc = recipe_open(in, &r, err)) < 0 ||
	    (rc = ways_codec(a, packing_codec(a, recipe_packing(r)), &told->codec, err)) < 0 ||
	    (rc = codec_writer(told->codec, out, &packer, err)) < 0 ||
	    (rc = put_pieces(a, r, packer, err)) < 0 || (rc = sink_finish(packer, err)) < 0)
		return rc;
	told->way = "recipe";
	return 1;
}
