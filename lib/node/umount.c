/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/umount.h"

#include "base/fd.h"
#include "firn/mount.h"
#include "format/pod.h"
#include "node/teardown.h"
#include "view/shared.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The folders in one folder on which bundles are mounted. */
struct members {
	const char *dir;
	char **paths;
	struct live **records; /* of as many of them */
	size_t n, locked;
};

static void members_done(struct members *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->paths[i]);
	for (size_t i = 0; i < m->locked; i++)
		live_close(m->records[i]);
	free(m->paths);
	free(m->records);
}

static int collect(const char *path, void *ctx, struct firn_error *err)
{
	struct members *m = ctx;
	const size_t len = strlen(m->dir);
	char **more;

	if (strncmp(path, m->dir, len) != 0 || path[len] != '/' || strchr(path + len + 1, '/'))
		return 0;
	more = reallocarray(m->paths, m->n + 1, sizeof(*more));
	if (!more)
		return firn_fail_oom(err, "unmount");
	m->paths = more;
	more[m->n] = strdup(path);
	return more[m->n++] ? 0 : firn_fail_oom(err, "unmount");
}

static int lock_members(struct members *m, const char *state, struct firn_error *err)
{
	int rc = live_each(state, collect, m, err);

	if (rc == 0 && m->n && !(m->records = calloc(m->n, sizeof(*m->records))))
		return firn_fail_oom(err, "unmount");
	for (; rc == 0 && m->locked < m->n; m->locked++) {
		rc = live_open(state, m->paths[m->locked], LIVE_FIND, &m->records[m->locked], err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/*
 * A kill may have left a folder between its making and its record. The folder @dir was empty when
 * its own record was made.
 */
static void remove_unrecorded(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (pod_check_name(e->d_name, FIRN_EINVAL, NULL) == 0)
			(void)!unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
}

/* Nothing is mounted any more on the folder: what others don't have either goes, then the record.
 */
static int end(struct live *l, struct firn_error *err)
{
	int rc = shared_drop(l->staging, err);

	return rc < 0 ? rc : live_end(l, err);
}

/* All of them at once, or none: each may hold the others' files open. */
static int umount_members(struct live *l, const char *state, struct firn_error *err)
{
	_cleanup_(members_done) struct members m = { .dir = l->dir };
	_free_ const char **tops = NULL, **bundles = NULL;
	struct teardown what = { .dir = l->dir };
	int rc = lock_members(&m, state, err);

	if (rc < 0)
		return rc;
	tops = calloc(m.n + 1, sizeof(*tops));
	bundles = calloc(m.n + 1, sizeof(*bundles));
	if (!tops || !bundles)
		return firn_fail_oom(err, "unmount");
	for (size_t i = 0; i < m.n; i++) {
		tops[i] = m.records[i]->staging;
		bundles[i] = m.records[i]->dir;
	}
	what.tops = tops;
	what.bundles = bundles;
	what.ntops = what.nbundles = m.n;
	rc = teardown(&what, err);
	for (size_t i = 0; rc == 0 && i < m.n; i++)
		if (m.records[i]->mounted)
			rc = end(m.records[i], err);
	if (rc == 0 && !l->complete)
		remove_unrecorded(l->dir);
	return rc;
}

static int umount_bundle(const struct live *l, struct firn_error *err)
{
	const char *const staging = l->staging, *const dir = l->dir;
	const struct teardown what = {
		.tops = &staging, .ntops = 1, .dir = dir, .bundles = &dir, .nbundles = 1
	};

	return teardown(&what, err);
}

int umount_live(struct live *l, const char *state, struct firn_error *err)
{
	int rc = l->several ? umount_members(l, state, err) : umount_bundle(l, err);

	return rc < 0 ? rc : end(l, err);
}

static int umount_canonical(const char *dir, const char *state, struct firn_error *err)
{
	_cleanup_(live_closep) struct live *l = NULL;
	int rc = live_open(state, dir, LIVE_FIND, &l, err);

	/* Taken down before: whatever is mounted there now is somebody else's. */
	if (rc < 0 || !l->mounted)
		return rc;
	return umount_live(l, state, err);
}

int firn_umount(const char *dir, const char *state, struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = live_canonical(dir, &path, err);

	if (rc == 0)
		rc = umount_canonical(path, state, err);
	return firn_wrap(err, rc, "%s", dir);
}

struct umount_all {
	const char *state;
	int first;               /* failure */
	struct firn_error error; /* and what it said */
};

/* The others go also when one can't. The folders above @dir may be gone, or others by now. */
static int umount_one(const char *dir, void *ctx, struct firn_error *err)
{
	struct umount_all *all = ctx;
	int rc = firn_wrap(err, umount_canonical(dir, all->state, err), "%s", dir);

	if (rc < 0 && all->first == 0) {
		all->first = rc;
		if (err)
			all->error = *err;
	}
	return 0;
}

int firn_umount_all(const char *state, struct firn_error *err)
{
	struct umount_all all = { .state = state };
	int rc = live_each(state, umount_one, &all, err);

	if (rc == 0 && all.first < 0) {
		rc = all.first;
		if (err)
			*err = all.error;
	}
	return rc;
}
