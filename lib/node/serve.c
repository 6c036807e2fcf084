/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/serve.h"

#include "base/fd.h"
#include "kernel/fsctx.h"
#include "kernel/fuse_mount.h"
#include "node/background.h"
#include "node/bundle.h"
#include "node/images.h"
#include "node/mount.h"
#include "node/provide_served.h"
#include "node/volumes.h"
#include "serve/fuse.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A server in the making. */
struct server {
	struct served *served;
	int connection;
};

static void answer(void *ctx)
{
	struct server *s = ctx;

	(void)!fuse_serve(s->served, s->connection, NULL);
}

int serve_start(struct served *s, int connection, struct firn_error *err)
{
	_cleanup_(served_freep) struct served *served = s;
	_fd_ int fd = connection;
	struct server server = { .served = served, .connection = fd };
	_free_ int *keep = calloc(s->nparts + 1, sizeof(*keep));
	struct background b = {
		.name = "firn-fuse", .what = "show what is mounted", .run = answer, .ctx = &server
	};

	if (!keep)
		return firn_fail_oom(err, "serve");
	keep[b.nkeep++] = fd;
	for (size_t i = 0; i < s->nparts; i++)
		if (s->parts[i].fd >= 0)
			keep[b.nkeep++] = s->parts[i].fd;
	b.keep = keep;
	return background_start(&b, err);
}

/* A bundle in the making. */
struct making {
	struct served *served;
	struct content content;
	struct criu_info info;
	struct spec spec;
};

static void making_done(struct making *m)
{
	spec_done(&m->spec);
	content_done(&m->content);
	served_free(m->served);
}

/* What the kernel road has in the overlay's upper folder. */
static int add_own(struct making *m, struct firn_error *err)
{
	struct node *root = m->served->tree->root;
	struct node *rootfs = tree_find(m->served->tree, BUNDLE_ROOTFS);
	int rc = served_folder(m->served, BUNDLE_WORK, 0700, err);

	root->mode = S_IFDIR | 0700;
	root->uid = root->gid = 0;
	if (content_has_rootfs(&m->content) && m->info.root_mode)
		rootfs->mode = S_IFDIR | (m->info.root_mode & 07777);
	if (rc < 0 || !m->spec.json)
		return rc;
	rc = served_file(m->served, BUNDLE_CONFIG, 0600, m->spec.json, m->spec.len, err);
	return rc < 0 ? rc : provide_served(&m->spec, &m->content, m->served, err);
}

static int fill(struct making *m, struct content_source *source, const struct view *v,
		const struct firn_mount_opts *opts, const struct live *l, struct firn_error *err)
{
	char cgroup[MOUNT_CGROUP_MAX];
	const struct bundle b = {
		.opts = opts, .content = &m->content, .path = l->dir, .cgroup = cgroup
	};
	int rc = served_new(&m->served, err);

	if (rc < 0 ||
	    (rc = content_serve(source, v, m->served, "", BUNDLE_ROOTFS, &m->content, err)) < 0 ||
	    (rc = images_inspect_served(&m->content, &m->info, err)) < 0)
		return rc;
	mount_cgroup(source, opts, l, cgroup);
	rc = bundle_config(&b, &m->info, &m->spec, err);
	if (rc < 0)
		return rc;
	if (m->spec.json)
		rc = volumes_tell(&m->content, &m->spec, opts->report, err);
	if (rc == 0)
		rc = add_own(m, err);
	return rc < 0 ? rc : served_finish(m->served, err);
}

/* The first answer comes from the one in the background, or nobody answers any more. */
static int wait_for_answer(const char *dir, struct firn_error *err)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return firn_fail_errno(err, "what is to show %s has ended", dir);
	return 0;
}

int serve_bundle(struct content_source *source, const struct view *v,
		 const struct firn_mount_opts *opts, const struct live *l, bool *ret_rootfs,
		 struct firn_error *err)
{
	_cleanup_(making_done) struct making m = { .served = NULL };
	int rc = fuse_load(err), connection;

	if (rc == 0)
		rc = fill(&m, source, v, opts, l, err);
	if (rc < 0)
		return rc;
	*ret_rootfs = content_has_rootfs(&m.content);
	connection = fuse_mount_user(l->dir, err);
	if (connection < 0)
		return connection;
	rc = serve_start(take_ptr(&m.served), connection, err);
	return rc < 0 ? rc : wait_for_answer(l->dir, err);
}

#define DATA_FOLDER   "data"
#define ROOTFS_FOLDER "rootfs"

/* The folder @name of the mounted file system as the only layer of @ret. */
static int open_layer(int mount, const char *name, struct layer_stack *ret, struct firn_error *err)
{
	_fd_ int fd = openat(mount, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return firn_fail_errno(err, "what is to show the layers has ended: %s", name);
	ret->items = calloc(1, sizeof(*ret->items));
	if (!ret->items)
		return firn_fail_oom(err, "layers");
	ret->items[0] = (struct view_mount){ .fd = take_fd(&fd), .road = ROAD_FUSE };
	ret->count = 1;
	return 0;
}

/* Mount @served (taken) in the stage, with somebody who answers. Returns the mount. */
static int mount_served(struct served *served, struct stage *stage, struct firn_error *err)
{
	_cleanup_(served_freep) struct served *s = served;
	_fd_ int mount = -1;
	int connection = -1, rc;

	rc = served_finish(s, err);
	if (rc < 0)
		return rc;
	mount = fuse_mount_root(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, &connection, err);
	if (mount < 0)
		return mount;
	rc = serve_start(take_ptr(&s), connection, err);
	if (rc == 0)
		rc = stage_attach(stage, mount, err);
	return rc < 0 ? rc : take_fd(&mount);
}

int serve_layers(struct content_source *source, const struct view *v, struct stage *stage,
		 struct content *ret, struct firn_error *err)
{
	_cleanup_(making_done) struct making m = { .served = NULL };
	struct content *c = &m.content;
	bool rootfs;
	int rc = fuse_load(err);
	_fd_ int mount = -1;

	if (rc < 0 || (rc = served_new(&m.served, err)) < 0 ||
	    (rc = content_serve(source, v, m.served, DATA_FOLDER, ROOTFS_FOLDER, c, err)) < 0)
		return rc;
	rootfs = content_has_rootfs(c);
	c->served = NULL;
	mount = mount_served(take_ptr(&m.served), stage, err);
	if (mount < 0)
		return mount;
	rc = open_layer(mount, DATA_FOLDER, &c->data, err);
	if (rc == 0 && rootfs)
		rc = open_layer(mount, ROOTFS_FOLDER, &c->rootfs, err);
	if (rc < 0)
		return rc;
	*ret = *c;
	*c = (struct content){ 0 };
	return 0;
}
