/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/base.h"

#include "base/fd.h"
#include "format/ref.h"
#include "image/folders.h"

struct base *base_free(struct base *b)
{
	if (!b)
		return NULL;
	tree_free(b->folders);
	image_done(&b->image);
	oci_descriptor_done(&b->target);
	layout_close(b->opened);
	free(b);
	return NULL;
}

void base_freep(struct base **b)
{
	*b = base_free(*b);
}

int base_open(const char *text, struct base **ret, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	_cleanup_(base_freep) struct base *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return firn_fail_oom(err, "base");
	if ((rc = ref_parse(text, &ref, err)) < 0 ||
	    (rc = layout_open_ref(&ref, &b->opened, err)) < 0 ||
	    (rc = layout_resolve(b->opened, &ref, &b->target, err)) < 0 ||
	    (rc = image_pick(layout_store(b->opened), &b->target, &b->image, err)) < 0)
		return rc;
	b->layout = b->opened;
	*ret = take_ptr(&b);
	return 0;
}

int base_open_in(struct layout *layout, const struct oci_descriptor *target, struct base **ret,
		 struct firn_error *err)
{
	_cleanup_(base_freep) struct base *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return firn_fail_oom(err, "base");
	b->layout = layout;
	b->target = *target;
	b->target.json = json_incref(target->json);
	rc = image_pick(layout_store(layout), target, &b->image, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&b);
	return 0;
}

int base_folder(struct base *b, const char *path, const struct node **ret, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	const struct node *n;
	int rc;

	if (!b->folders) {
		rc = image_folders(layout_store(b->layout), &b->image, b->image.manifest.nlayers,
				   NULL, NULL, &t, err);
		if (rc < 0)
			return firn_wrap(err, rc, "base image");
		b->folders = take_ptr(&t);
	}
	n = tree_find(b->folders, path);
	*ret = n && S_ISDIR(n->mode) ? n : NULL;
	return 0;
}
