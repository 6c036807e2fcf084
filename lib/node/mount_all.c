/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All containers of an image, each a bundle in a folder of its name. */
#include "node/pod.h"

#include "base/fd.h"
#include "format/pod.h"
#include "node/mount.h"
#include "node/umount.h"

#include <stdio.h>
#include <string.h>

struct firn_mounts {
	struct firn_mounted **list;
	size_t n;
};

struct firn_mounts *firn_mounts_free(struct firn_mounts *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->n; i++)
		firn_mounted_free(m->list[i]);
	free(m->list);
	free(m);
	return NULL;
}

static void mounts_freep(struct firn_mounts **m)
{
	*m = firn_mounts_free(*m);
}

size_t firn_mounts_count(const struct firn_mounts *m)
{
	return m->n;
}

const struct firn_mounted *firn_mounts_get(const struct firn_mounts *m, size_t i)
{
	return i < m->n ? m->list[i] : NULL;
}

static struct firn_mounts *mounts_new(size_t n)
{
	struct firn_mounts *m = calloc(1, sizeof(*m));

	if (m)
		m->list = calloc(n, sizeof(*m->list));
	if (m && !m->list) {
		free(m);
		m = NULL;
	}
	return m;
}

static int check_base(const struct checkpoint_names *names, const char *text,
		      struct firn_error *err)
{
	for (size_t i = 0; i < names->n; i++) {
		const size_t len = strlen(names->list[i]);

		if (strncmp(text, names->list[i], len) == 0 && text[len] == '=' && text[len + 1])
			return 0;
	}
	return firn_fail(err, FIRN_EINVAL, "base %s: not NAME=IMAGE, or there is no such container",
			 text);
}

int pod_open(const char *image, const struct firn_mount_opts *given, struct pod_image *ret,
	     struct firn_error *err)
{
	struct firn_mount_opts *o = &ret->opts;
	int rc = mount_take_opts(given, o, err);

	if (rc < 0 || o->container || (rc = content_list(image, &ret->list, err)) < 0 ||
	    !ret->list.names.n)
		return rc;
	if (o->id)
		return firn_fail(err, FIRN_EINVAL, "one id for %zu containers", ret->list.names.n);
	for (size_t i = 0; i < o->nbases; i++) {
		rc = check_base(&ret->list.names, o->bases[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void pod_close(struct pod_image *p)
{
	content_list_done(&p->list);
	networks_done(&p->networks);
	free(p->upper);
	*p = (struct pod_image){ 0 };
}

static void warn(const char *text, void *ctx)
{
	const struct pod_image *p = ctx;
	char named[POD_NAME_MAX + 640];

	snprintf(named, sizeof(named), "%s: %s", p->name, text);
	p->opts.report->warn(named, p->opts.report->ctx);
}

static void progress(const struct firn_progress *done, void *ctx)
{
	const struct pod_image *p = ctx;

	p->opts.report->progress(done, p->opts.report->ctx);
}

int pod_member(struct pod_image *p, size_t i, struct firn_mount_opts *ret, struct firn_error *err)
{
	const char *name = p->list.names.list[i];

	*ret = p->opts;
	ret->container = p->name = name;
	if (p->opts.report) {
		p->report = (struct firn_report){
			.warn = p->opts.report->warn ? warn : NULL,
			.progress = p->opts.report->progress ? progress : NULL,
			.ctx = p,
		};
		ret->report = &p->report;
	}
	free(p->upper);
	p->upper = NULL;
	if (p->opts.upper && asprintf(&p->upper, "%s/%s", p->opts.upper, name) < 0) {
		p->upper = NULL;
		return firn_fail_oom(err, "upper folder");
	}
	ret->upper = p->upper;
	return 0;
}

static int mount_member(struct pod_image *p, size_t i, const char *dir, struct firn_mounted **ret,
			struct firn_error *err)
{
	_cleanup_(content_source_freep) struct content_source *source = NULL;
	const char *name = p->list.names.list[i];
	struct firn_mount_opts opts;
	_free_ char *path = NULL;
	int rc = pod_member(p, i, &opts, err);

	if (rc == 0 && asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return firn_fail_oom(err, "mount");
	}
	if (rc == 0)
		rc = content_find_ref(&p->list.image, &opts, &source, err);
	if (rc == 0)
		rc = mount_content(source, path, &opts, &p->networks, ret, err);
	return firn_wrap(err, rc, "container %s", name);
}

static int mount_several(struct pod_image *p, const char *dir, struct firn_mounts *m,
			 struct firn_error *err)
{
	_cleanup_(live_closep) struct live *l = NULL;
	int rc = mount_occupy(p->opts.state, dir, LIVE_SEVERAL, &l, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < p->list.names.n; i++) {
		rc = mount_member(p, i, l->dir, &m->list[i], err);
		m->n += rc == 0;
	}
	if (rc == 0)
		rc = live_complete(l, err);
	if (rc < 0)
		(void)!umount_live(l, p->opts.state, NULL);
	return rc;
}

static int mount_one(const char *image, const char *dir, const struct firn_mount_opts *opts,
		     struct firn_mounts *m, struct firn_error *err)
{
	int rc = firn_mount(image, dir, opts, &m->list[0], err);

	m->n = rc == 0;
	return rc;
}

int firn_mount_all(const char *image, const char *dir, const struct firn_mount_opts *opts,
		   struct firn_mounts **ret, struct firn_error *err)
{
	_cleanup_(mounts_freep) struct firn_mounts *m = NULL;
	_cleanup_(pod_close) struct pod_image p = { .upper = NULL };
	int rc = pod_open(image, opts, &p, err);

	if (rc < 0)
		return firn_wrap(err, rc, "%s", image);
	m = mounts_new(p.list.names.n + 1);
	if (!m)
		return firn_fail_oom(err, "mount");
	if (p.list.names.n)
		rc = firn_wrap(err, mount_several(&p, dir, m, err), "%s", image);
	else
		rc = mount_one(image, dir, opts, m, err);
	if (rc == 0 && ret)
		*ret = take_ptr(&m);
	return rc;
}
