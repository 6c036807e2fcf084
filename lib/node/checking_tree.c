/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checkpoint that is mounted nowhere, as the checks see it: its root directory is a tree. */
#include "node/check.h"

#include "base/fd.h"
#include "node/bundle.h"
#include "node/content.h"
#include "node/images.h"

static int serve(struct content_source *source, const struct firn_mount_opts *opts,
		 struct served *to, struct content *ret, struct firn_error *err)
{
	_cleanup_(cache_closep) struct cache *cache = NULL;
	struct view v = {
		.flags = VIEW_FAR | (opts->flags & FIRN_MOUNT_STRICT ? VIEW_STRICT : 0),
		.report = opts->report,
	};
	int rc = cache_open(opts->cache, &cache, err);

	if (rc < 0)
		return rc;
	v.cache = cache;
	return content_serve(source, &v, to, "", BUNDLE_ROOTFS, ret, err);
}

int checking_load_tree(struct checking *c, struct content_source *source,
		       const struct firn_mount_opts *opts, struct firn_error *err)
{
	_cleanup_(content_done) struct content content = { 0 };
	_cleanup_(served_freep) struct served *tree = NULL;
	const struct bundle b = {
		.opts = opts,
		.content = &content,
		.path = CHECKING_NOWHERE,
		.cgroup = CHECKING_NOWHERE,
	};
	struct node *rootfs;
	struct criu_info dump;
	int rc = served_new(&tree, err);

	if (rc < 0 || (rc = serve(source, opts, tree, &content, err)) < 0 ||
	    (rc = images_inspect_served(&content, &dump, err)) < 0)
		return rc;
	if (!c->spec.json)
		rc = bundle_config(&b, &dump, &c->spec, err);
	if (rc < 0)
		return rc;
	rootfs = tree_find(tree->tree, BUNDLE_ROOTFS);
	/* As CRIU found it (node/rootfs.h). */
	if (rootfs && dump.root_mode)
		rootfs->mode = S_IFDIR | (dump.root_mode & 07777);
	if (rootfs)
		c->tree = take_ptr(&tree);
	return 0;
}
