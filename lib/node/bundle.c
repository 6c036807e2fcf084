/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/bundle.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/spec.h"
#include "kernel/fsctx.h"
#include "kernel/mount.h"
#include "kernel/overlay.h"
#include "node/host.h"
#include "node/images.h"
#include "node/provide.h"
#include "node/rootfs.h"
#include "node/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What runc gives to CRIU when nothing else is asked for (runc restore, org.criu.config). */
#define CRIU_CONF     "/etc/criu/runc.conf"
#define CRIU_CONF_MAX 65536

/* A bundle in the making. */
struct making {
	const struct bundle *b;
	struct images images;
	struct criu_info info;
	struct spec spec; /* json NULL: a bare process */
	int top;          /* root of the bundle, once mounted */
	int rootfs;       /* root of the rootfs, once mounted */
};

static void making_done(struct making *m)
{
	spec_done(&m->spec);
	fd_close(m->top);
	fd_close(m->rootfs);
}

static int inspect(struct making *m, struct firn_error *err)
{
	_fd_ int folder = -1;
	int rc = images_find(m->b->content, &m->images, err);

	if (rc < 0)
		return rc;
	folder = path_open_beneath(m->images.dumps[0].layer->fd, CHECKPOINT_IMAGES_DIR,
				   O_PATH | O_DIRECTORY, 0, err);
	return folder < 0 ? folder : images_inspect(folder, &m->info, err);
}

static int find_volume(void *ctx, const char *source, const char *destination, char **ret,
		       struct firn_error *err)
{
	char *path = realpath(source, NULL);

	(void)ctx;
	if (!path && errno == ENOENT)
		return firn_fail(
		    err, FIRN_ENOTFOUND,
		    "volume %s: %s isn't on this host; --volume %s=PATH says where it is",
		    destination, source, destination);
	if (!path)
		return firn_fail_errno(err, "volume %s: %s", destination, source);
	*ret = path;
	return 0;
}

int bundle_config(const struct bundle *b, const struct criu_info *dump, struct spec *ret,
		  struct firn_error *err)
{
	const struct content *c = b->content;
	const struct firn_mount_opts *o = b->opts;
	_fd_ int conf = open(CRIU_CONF, O_RDONLY | O_CLOEXEC);
	_free_ char *conf_text = NULL;
	char provided[PATH_MAX + 16];
	struct spec_opts opts = {
		.rootfs = BUNDLE_ROOTFS,
		.provided = provided,
		.cgroup = b->cgroup,
		.volumes = o->volumes,
		.nvolumes = o->nvolumes,
		.host = host_facts(),
		.dump = dump,
		.volume = find_volume,
		.report = o->report,
	};
	int rc = 0;

	if (!c->spec)
		return 0;
	snprintf(provided, sizeof(provided), "%s/%s", b->path, BUNDLE_PROVIDED);
	if (conf >= 0 && fd_read_all(conf, CRIU_CONF_MAX, &conf_text, NULL, NULL) == 0)
		opts.criu_conf = conf_text;
	if (c->config)
		rc = spec_shm_bytes(c->config, c->config_len, &opts.shm_bytes, err);
	if (rc >= 0)
		rc = spec_rewrite(c->spec, c->spec_len, &opts, ret, err);
	return firn_wrap(err, rc, CHECKPOINT_SPEC);
}

/* Before anything is mounted on the folder: what it says may be wrong. */
static int make_config(struct making *m, struct firn_error *err)
{
	const struct bundle *b = m->b;
	int rc = bundle_config(b, &m->info, &m->spec, err);

	if (rc < 0 || !m->spec.json)
		return rc;
	return volumes_tell(b->content, &m->spec, b->opts->report, err);
}

/* A folder of our own that nothing in the layers below shines through, whatever they hold. */
static int own_folder(int parent, const char *name, struct firn_error *err)
{
	_fd_ int fd = stage_folder(parent, name, 0700, err);

	return fd < 0 ? fd : firn_wrap(err, overlay_make_opaque(fd, err), "%s", name);
}

static int write_config(int folder, const struct spec *spec, struct firn_error *err)
{
	_fd_ int fd = openat(folder, BUNDLE_CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return firn_fail_errno(err, "make " BUNDLE_CONFIG);
	rc = fd_write(fd, spec->json, spec->len, err);
	return firn_wrap(err, rc, BUNDLE_CONFIG);
}

/* The upper folder of the bundle's overlay. */
static int fill_upper(const struct making *m, int upper, struct firn_error *err)
{
	int rc;

	rc = own_folder(upper, BUNDLE_WORK, err);
	for (size_t i = 0; rc >= 0 && i < m->images.count; i++)
		rc = own_folder(upper, m->images.dumps[i].name, err);
	if (rc < 0)
		return rc;
	if (m->b->content->rootfs.count && (rc = own_folder(upper, BUNDLE_ROOTFS, err)) < 0)
		return rc;
	if (!m->spec.json)
		return 0;
	rc = own_folder(upper, BUNDLE_PROVIDED, err);
	return rc < 0 ? rc : write_config(upper, &m->spec, err);
}

static int mount_overlay(const struct making *m, struct firn_error *err)
{
	const struct layer_stack *data = &m->b->content->data;
	struct overlay o = { .nlowers = data->count,
			     .staging = m->b->stage->root,
			     .attrs = MOUNT_ATTRS_DATA };
	_free_ int *lowers = calloc(data->count, sizeof(*lowers));
	_fd_ int upper = -1, work = -1;
	int rc;

	if (!lowers)
		return firn_fail_oom(err, "bundle");
	for (size_t i = 0; i < data->count; i++)
		lowers[i] = data->items[i].fd;
	rc = upper = stage_folder(o.staging, "bundle-upper", 0700, err);
	if (rc >= 0)
		rc = work = stage_folder(o.staging, "bundle-work", 0700, err);
	if (rc >= 0)
		rc = fill_upper(m, upper, err);
	o.lowers = lowers;
	o.upper = upper;
	o.work = work;
	if (rc >= 0)
		rc = overlay_mount(&o, err);
	return firn_wrap(err, rc, "bundle");
}

/* Put the detached mount @mount (borrowed) on @name of the bundle. */
static int attach(const struct making *m, const char *name, int mount, struct firn_error *err)
{
	_fd_ int target = path_open_beneath(m->top, name, O_PATH | O_DIRECTORY, 0, err);

	return target < 0 ? target : mount_attach(mount, target, err);
}

static int mount_top(struct making *m, struct firn_error *err)
{
	_fd_ int target = open(m->b->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (target < 0)
		return firn_fail_errno(err, "open %s", m->b->path);
	m->top = mount_overlay(m, err);
	return m->top < 0 ? m->top : mount_attach(m->top, target, err);
}

/* Side by side, so that the links from one dump to the one before it lead there. */
static int mount_images(struct making *m, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < m->images.count; i++) {
		const struct images_dump *d = &m->images.dumps[i];
		_fd_ int fd =
		    mount_clone(d->layer->fd, d->name, MOUNT_ATTR_RDONLY | MOUNT_ATTRS_DATA, err);

		rc = fd < 0 ? fd : attach(m, d->name, fd, err);
	}
	return rc;
}

static int mount_rootfs(struct making *m, struct firn_error *err)
{
	const struct rootfs r = {
		.layers = &m->b->content->rootfs,
		.stage = m->b->stage,
		.upper = m->b->opts->upper,
		.read_only = m->b->opts->flags & FIRN_MOUNT_READ_ONLY,
		.root_mode = m->info.root_mode,
	};

	if (!r.layers->count)
		return 0;
	m->rootfs = rootfs_mount(&r, err);
	return m->rootfs < 0 ? m->rootfs : attach(m, BUNDLE_ROOTFS, m->rootfs, err);
}

static int provide(struct making *m, struct firn_error *err)
{
	_free_ char *path = NULL;
	_fd_ int folder = -1;
	struct provide p = { .spec = &m->spec,
			     .content = m->b->content,
			     .rootfs = m->rootfs,
			     .networks = m->b->networks };

	if (!m->spec.json)
		return 0;
	folder = path_open_beneath(m->top, BUNDLE_PROVIDED, O_RDONLY | O_DIRECTORY, 0, err);
	if (folder < 0)
		return folder;
	if (asprintf(&path, "%s/%s", m->b->path, BUNDLE_PROVIDED) < 0) {
		path = NULL;
		return firn_fail_oom(err, "bundle");
	}
	p.folder = folder;
	p.path = path;
	return provide_all(&p, err);
}

int bundle_mount(const struct bundle *b, enum road *ret_road, struct firn_error *err)
{
	_cleanup_(making_done) struct making m = { .b = b, .top = -1, .rootfs = -1 };
	int rc;

	if ((rc = inspect(&m, err)) < 0 || (rc = make_config(&m, err)) < 0 ||
	    (rc = mount_top(&m, err)) < 0 || (rc = mount_images(&m, err)) < 0 ||
	    (rc = mount_rootfs(&m, err)) < 0 || (rc = provide(&m, err)) < 0)
		return rc;
	*ret_road = m.images.dumps[0].layer->road;
	return 0;
}
