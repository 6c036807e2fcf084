/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/mount.h"

#include "base/fd.h"
#include "base/opts.h"
#include "kernel/fsctx.h"
#include "kernel/mount.h"
#include "kernel/mountinfo.h"
#include "node/bundle.h"
#include "node/serve.h"
#include "node/slot.h"
#include "node/umount.h"
#include "view/shared.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Bytes for the path of a mount in a bundle: what has no whole path can't be unmounted. */
#define BELOW_MAX 256

struct firn_mounted {
	char *dir;
	char *container;              /* may be NULL */
	char digest[DIGEST_TEXT_MAX]; /* "" for an archive */
	enum road road;
	bool rootfs;
};

struct firn_mounted *firn_mounted_free(struct firn_mounted *m)
{
	if (!m)
		return NULL;
	free(m->dir);
	free(m->container);
	free(m);
	return NULL;
}

static void mounted_freep(struct firn_mounted **m)
{
	*m = firn_mounted_free(*m);
}

const char *firn_mounted_dir(const struct firn_mounted *m)
{
	return m->dir;
}

const char *firn_mounted_container(const struct firn_mounted *m)
{
	return m->container;
}

const char *firn_mounted_digest(const struct firn_mounted *m)
{
	return *m->digest ? m->digest : NULL;
}

const char *firn_mounted_method(const struct firn_mounted *m)
{
	return road_name(m->road);
}

int firn_mounted_has_rootfs(const struct firn_mounted *m)
{
	return m->rootfs;
}

int mount_take_opts(const struct firn_mount_opts *given, struct firn_mount_opts *ret,
		    struct firn_error *err)
{
	int rc = opts_take(given, ret, sizeof(*ret), err);

	if (rc == 0)
		rc = opts_check_flags(
		    ret->flags, FIRN_MOUNT_READ_ONLY | FIRN_MOUNT_STRICT | FIRN_MOUNT_VERIFY_READS,
		    err);
	if (rc < 0)
		return rc;
	if (ret->id && (rc = slot_check_name(ret->id, err)) < 0)
		return rc;
	if ((unsigned)ret->method > FIRN_MOUNT_COPY)
		return firn_fail(err, FIRN_EINVAL, "unknown method %d", (int)ret->method);
	if ((ret->flags & FIRN_MOUNT_READ_ONLY) && ret->upper)
		return firn_fail(err, FIRN_EINVAL,
				 "a folder for what is written, and read-only, exclude each other");
	return 0;
}

static int check_empty(const char *dir, struct firn_error *err)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool empty = true;

	if (!d)
		return firn_fail_errno(err, "%s", dir);
	while (empty && (e = readdir(d)))
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(d);
	return empty ? 0 : firn_fail(err, FIRN_EINVAL, "%s is not empty", dir);
}

/* Whether anything is mounted on or below the folder: 1, 0 or an error. */
static int is_mounted(const char *dir, struct firn_error *err)
{
	_cleanup_(mountinfo_done) struct mountinfo m = { 0 };
	int rc = mountinfo_read(&m, err);

	if (rc < 0)
		return rc;
	mountinfo_select(&m, &dir, 1);
	return m.count > 0;
}

/* What was shown there has lost its server. (Attributes are remembered, this is always asked.) */
static bool is_dead(const char *dir)
{
	struct statfs st;

	return statfs(dir, &st) < 0 && errno == ENOTCONN;
}

/*
 * Lock the folder's record, and see that nothing is in the way. What a mount that was killed has
 * left is taken down.
 */
int mount_occupy(const char *state, const char *dir, enum live_what what, struct live **ret,
		 struct firn_error *err)
{
	_cleanup_(live_closep) struct live *l = NULL;
	_free_ char *path = NULL;
	bool made = false;
	int rc = live_canonical(dir, &path, err);

	if (rc == 0 && strlen(path) >= PATH_MAX - BELOW_MAX)
		rc = firn_fail(err, FIRN_EINVAL, "its path has more than %d bytes",
			       PATH_MAX - BELOW_MAX - 1);
	if (rc == 0)
		rc = live_open(state, path, LIVE_MAKE, &l, err);
	if (rc == 0 && l->mounted && (!l->complete || is_dead(path)))
		rc = umount_live(l, state, err);
	if (rc < 0)
		return rc;
	if (mkdir(path, 0700) == 0)
		made = true;
	else if (errno != EEXIST)
		return firn_fail_errno(err, "make %s", path);
	rc = is_mounted(path, err);
	if (rc > 0)
		rc = firn_fail(err, FIRN_EBUSY, "something is mounted on %s", path);
	if (rc == 0)
		rc = check_empty(path, err);
	/* What was mounted there went without firn. */
	if (rc == 0 && l->mounted)
		rc = shared_drop(l->staging, err);
	if (rc == 0)
		rc = live_begin(l, what, made, err);
	if (rc < 0) {
		if (made)
			(void)!rmdir(path);
		return rc;
	}
	*ret = take_ptr(&l);
	return 0;
}

void mount_cgroup(const struct content_source *source, const struct firn_mount_opts *opts,
		  const struct live *l, char ret[MOUNT_CGROUP_MAX])
{
	const char *name = opts->id ? opts->id : content_name(source);
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";

	if (!name || !*name || *name == '.' || strlen(name) > 128 ||
	    strspn(name, plain) != strlen(name))
		name = strrchr(l->staging, '/') + 1;
	snprintf(ret, MOUNT_CGROUP_MAX, "/firn/%s", name);
}

static struct view view_of(const struct firn_mount_opts *o)
{
	return (struct view){
		.flags = (o->flags & FIRN_MOUNT_STRICT ? VIEW_STRICT : 0) |
			 (o->flags & FIRN_MOUNT_VERIFY_READS ? VIEW_CHECKED : 0),
		.report = o->report,
	};
}

static int keep_name(const struct content_source *source, struct firn_mounted *m,
		     struct firn_error *err)
{
	if (content_name(source) && !(m->container = strdup(content_name(source))))
		return firn_fail_oom(err, "mount");
	return 0;
}

/* The kernel lets nobody but root mount what it reads itself. */
static bool is_user(void)
{
	return geteuid() != 0;
}

static int serve(struct content_source *source, const struct firn_mount_opts *opts, struct live *l,
		 struct firn_mounted *ret, struct firn_error *err)
{
	_cleanup_(cache_closep) struct cache *cache = NULL;
	struct view view = view_of(opts);
	int rc;

	if (opts->method != FIRN_MOUNT_AUTO && opts->method != FIRN_MOUNT_FUSE)
		return firn_fail(err, FIRN_EUNSUPP, "without root there is no method but fuse");
	if (opts->upper)
		return firn_fail(err, FIRN_EUNSUPP,
				 "without root a mount is read-only: %s can't be its upper folder",
				 opts->upper);
	rc = cache_open(opts->cache, &cache, err);
	if (rc < 0)
		return rc;
	view.cache = cache;
	ret->road = ROAD_FUSE;
	rc = serve_bundle(source, &view, opts, l, &ret->rootfs, err);
	return rc < 0 ? rc : keep_name(source, ret, err);
}

/*
 * By the road that was asked for, or the first that this host can: EROFS, FUSE, and copies at last
 * (view_layer()).
 */
static int mount_layers(struct content_source *source, const struct firn_mount_opts *opts,
			struct view *v, struct stage *stage, struct content *ret,
			struct firn_error *err)
{
	static const enum road roads[] = {
		[FIRN_MOUNT_AUTO] = ROAD_ANY,  [FIRN_MOUNT_FILE] = ROAD_FILE,
		[FIRN_MOUNT_LOOP] = ROAD_LOOP, [FIRN_MOUNT_FUSE] = ROAD_FUSE,
		[FIRN_MOUNT_COPY] = ROAD_COPY,
	};
	const bool any = opts->method == FIRN_MOUNT_AUTO, checked = v->flags & VIEW_CHECKED;
	int rc;

	if (checked && !any && opts->method != FIRN_MOUNT_FUSE)
		return firn_fail(err, FIRN_EUNSUPP,
				 "only what the method fuse reads can be verified");
	v->road = roads[opts->method];
	if (checked || v->road == ROAD_FUSE || (any && !fsctx_may_mount("erofs"))) {
		rc = serve_layers(source, v, stage, ret, err);
		if (rc != -FIRN_EUNSUPP || checked || !any)
			return rc;
	}
	return content_mount(source, v, stage, ret, err);
}

/* All descriptors of the stage are closed when this returns, or it could not be taken down. */
static int put_together(struct content_source *source, const struct firn_mount_opts *opts,
			struct networks *networks, struct live *l, struct firn_mounted *ret,
			struct firn_error *err)
{
	_cleanup_(cache_closep) struct cache *cache = NULL;
	_cleanup_(stage_done) struct stage stage = STAGE_NONE;
	_cleanup_(content_done) struct content content = { 0 };
	struct view view = view_of(opts);
	char cgroup[MOUNT_CGROUP_MAX];
	struct bundle b = { .opts = opts,
			    .content = &content,
			    .stage = &stage,
			    .path = l->dir,
			    .cgroup = cgroup,
			    .networks = networks };
	int rc;

	view.bundle = l->staging;
	if ((rc = cache_open(opts->cache, &cache, err)) < 0 ||
	    (rc = stage_open(&stage, l->staging, err)) < 0)
		return rc;
	view.cache = cache;
	rc = mount_layers(source, opts, &view, &stage, &content, err);
	if (rc < 0)
		return rc;
	mount_cgroup(source, opts, l, cgroup);
	ret->rootfs = content.rootfs.count > 0;
	rc = keep_name(source, ret, err);
	return rc < 0 ? rc : bundle_mount(&b, &ret->road, err);
}

/* The overlays keep the layers: what they were made from goes, and nobody else could use it. */
static int finish(struct live *l, struct firn_error *err)
{
	int rc = is_user() ? 0 : umount_tree(l->staging, err);

	return rc < 0 ? rc : live_complete(l, err);
}

static int mount_source(struct content_source *source, const char *dir,
			const struct firn_mount_opts *opts, struct networks *networks,
			struct firn_mounted *ret, struct firn_error *err)
{
	_cleanup_(live_closep) struct live *l = NULL;
	int rc = mount_occupy(opts->state, dir, LIVE_BUNDLE, &l, err);

	if (rc < 0)
		return rc;
	rc = is_user() ? serve(source, opts, l, ret, err)
		       : put_together(source, opts, networks, l, ret, err);
	if (rc == 0)
		rc = finish(l, err);
	if (rc < 0) {
		(void)!umount_live(l, opts->state, NULL);
		return rc;
	}
	ret->dir = take_ptr(&l->dir);
	return 0;
}

int mount_content(struct content_source *source, const char *dir,
		  const struct firn_mount_opts *opts, struct networks *networks,
		  struct firn_mounted **ret, struct firn_error *err)
{
	_cleanup_(mounted_freep) struct firn_mounted *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return firn_fail_oom(err, "mount");
	if (content_digest(source))
		digest_text(content_digest(source), m->digest);
	rc = mount_source(source, dir, opts, networks, m, err);
	if (rc == 0)
		*ret = take_ptr(&m);
	return rc;
}

int firn_mount(const char *image, const char *dir, const struct firn_mount_opts *opts,
	       struct firn_mounted **ret, struct firn_error *err)
{
	_cleanup_(content_source_freep) struct content_source *source = NULL;
	_cleanup_(mounted_freep) struct firn_mounted *m = NULL;
	struct firn_mount_opts all;
	int rc = mount_take_opts(opts, &all, err);

	if (rc == 0)
		rc = content_find(image, &all, &source, err);
	if (rc == 0)
		rc = mount_content(source, dir, &all, NULL, &m, err);
	if (rc == 0 && ret)
		*ret = take_ptr(&m);
	return firn_wrap(err, rc, "%s", image);
}
