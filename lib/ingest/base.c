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
	located_done(&b->located);
	free(b);
	return NULL;
}

void base_freep(struct base **b)
{
	*b = base_free(*b);
}

static struct base *base_new(void)
{
	struct base *b = calloc(1, sizeof(*b));

	if (b)
		b->located = (struct located)LOCATED_INIT;
	return b;
}

static int find_in_registry(struct base *b, const struct ref *ref, const struct registry_opts *opts,
			    struct firn_error *err)
{
	int rc = locate_registry(ref, opts, LOCATE_BARE, &b->located, err);

	if (rc < 0)
		return rc;
	b->store = b->located.place.store;
	b->target = b->located.desc;
	json_incref(b->target.json);
	return 0;
}

static int find_in_layout(struct base *b, const struct ref *ref, struct firn_error *err)
{
	int rc = layout_open_ref(ref, &b->opened, err);

	if (rc < 0)
		return rc;
	b->layout = b->opened;
	b->store = layout_store(b->layout);
	return layout_resolve(b->layout, ref, &b->target, err);
}

int base_open_from(const char *text, const struct registry_opts *registry, struct base **ret,
		   struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	_cleanup_(base_freep) struct base *b = base_new();
	int rc;

	if (!b)
		return firn_fail_oom(err, "base");
	rc = ref_parse(text, &ref, err);
	if (rc == 0)
		rc = ref.transport == REF_DOCKER && registry
			 ? find_in_registry(b, &ref, registry, err)
			 : find_in_layout(b, &ref, err);
	if (rc < 0 || (rc = image_pick(b->store, &b->target, &b->image, err)) < 0)
		return rc;
	*ret = take_ptr(&b);
	return 0;
}

int base_open(const char *text, struct base **ret, struct firn_error *err)
{
	return base_open_from(text, NULL, ret, err);
}

int base_open_in(struct layout *layout, const struct oci_descriptor *target, struct base **ret,
		 struct firn_error *err)
{
	_cleanup_(base_freep) struct base *b = base_new();
	int rc;

	if (!b)
		return firn_fail_oom(err, "base");
	b->layout = layout;
	b->store = layout_store(layout);
	b->target = *target;
	b->target.json = json_incref(target->json);
	rc = image_pick(b->store, target, &b->image, err);
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
		rc = image_folders(b->store, &b->image, b->image.manifest.nlayers, NULL, NULL, &t,
				   err);
		if (rc < 0)
			return firn_wrap(err, rc, "base image");
		b->folders = take_ptr(&t);
	}
	n = tree_find(b->folders, path);
	*ret = n && S_ISDIR(n->mode) ? n : NULL;
	return 0;
}
