/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All containers of an image run on, or none of them. */
#include "node/restore.h"

#include "base/fd.h"
#include "base/opts.h"
#include "node/pod.h"

#include <stdio.h>
#include <string.h>

struct firn_restores {
	struct firn_restored **list;
	size_t n;
};

struct firn_restores *firn_restores_free(struct firn_restores *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->n; i++)
		firn_restored_free(r->list[i]);
	free(r->list);
	free(r);
	return NULL;
}

static void restores_freep(struct firn_restores **r)
{
	*r = firn_restores_free(*r);
}

size_t firn_restores_count(const struct firn_restores *r)
{
	return r->n;
}

const struct firn_restored *firn_restores_get(const struct firn_restores *r, size_t i)
{
	return i < r->n ? r->list[i] : NULL;
}

/* One call. */
struct jobs {
	const char *image;
	struct firn_restore_opts opts;
	struct pod_image pod;
	struct firn_restores *done;
	int failed; /* how many could not be restored */
};

static void jobs_done(struct jobs *j)
{
	restores_freep(&j->done);
	pod_close(&j->pod);
}

static void warn(const struct jobs *j, const struct firn_error *why)
{
	const struct firn_report *report = j->pod.opts.report;

	if (report && report->warn)
		report->warn(why->msg, report->ctx);
}

/* The last one first: it may use what the others offer. */
static void kill_all(struct jobs *j)
{
	struct firn_error why;

	for (size_t i = j->done->n; i-- > 0;)
		if (restore_undo(j->done->list[i], j->pod.opts.state, &why) < 0)
			warn(j, &why);
}

static int restore_member(struct jobs *j, size_t i, struct firn_error *err)
{
	struct firn_restores *done = j->done;
	struct firn_restore_opts opts = j->opts;
	struct firn_mount_opts mount;
	int rc = pod_member(&j->pod, i, &mount, err);

	opts.mount = &mount;
	if (rc == 0)
		rc = restore_image(j->image, &j->pod, mount.container, &opts, &done->list[done->n],
				   err);
	if (rc == 0)
		done->n++;
	return rc;
}

static int restore_several(struct jobs *j, struct firn_error *err)
{
	struct firn_error first = { 0 }, why = { 0 };
	int rc = 0, first_rc = 0;

	for (size_t i = 0; i < j->pod.list.names.n; i++) {
		rc = restore_member(j, i, &why);
		if (rc == 0)
			continue;
		if (j->failed++ == 0) {
			first = why;
			first_rc = rc;
		}
		if (!(j->opts.flags & FIRN_RESTORE_KEEP_GOING)) {
			kill_all(j);
			break;
		}
		warn(j, &why);
	}
	if (!j->failed)
		return 0;
	if ((j->opts.flags & FIRN_RESTORE_KEEP_GOING) && j->done->n)
		return j->failed;
	if (j->opts.flags & FIRN_RESTORE_KEEP_GOING) /* why not was told of each */
		return firn_fail(err, (enum firn_code)(-first_rc),
				 "restore: %s: none of %d containers could be restored", j->image,
				 j->failed);
	if (err)
		*err = first;
	return first_rc;
}

/* The one that was asked for by its name gets this name. */
static int restore_one(struct jobs *j, struct firn_error *err)
{
	int rc = firn_restore(j->image, j->pod.opts.container, &j->opts, &j->done->list[0], err);

	j->done->n = rc == 0;
	return rc;
}

int firn_restore_all(const char *image, const struct firn_restore_opts *opts,
		     struct firn_restores **ret, struct firn_error *err)
{
	_cleanup_(jobs_done) struct jobs j = { .image = image };
	int rc = opts_take(opts, &j.opts, sizeof(j.opts), err);

	if (rc == 0)
		rc = pod_open(image, j.opts.mount, &j.pod, err);
	if (rc < 0)
		return firn_wrap(err, rc, "restore: %s", image);
	j.done = calloc(1, sizeof(*j.done));
	if (j.done)
		j.done->list = calloc(j.pod.list.names.n + 1, sizeof(*j.done->list));
	if (!j.done || !j.done->list)
		return firn_fail_oom(err, "restore");
	rc = j.pod.list.names.n ? restore_several(&j, err) : restore_one(&j, err);
	if (rc >= 0 && ret)
		*ret = take_ptr(&j.done);
	return rc;
}
