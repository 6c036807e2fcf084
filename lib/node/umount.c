/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firn/mount.h"

#include "base/fd.h"
#include "node/live.h"
#include "node/teardown.h"

static int umount_canonical(const char *dir, const char *state, struct firn_error *err)
{
	_cleanup_(live_closep) struct live *l = NULL;
	const char *tops[2];
	int rc = live_open(state, dir, LIVE_FIND, &l, err);

	/* Taken down before: whatever is mounted there now is somebody else's. */
	if (rc < 0 || !l->mounted)
		return rc;
	tops[0] = l->dir;
	tops[1] = l->staging;
	rc = teardown(tops, ARRAY_SIZE(tops), err);
	return rc < 0 ? rc : live_end(l, err);
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

/* The others go also when one can't. */
static int umount_one(const char *dir, void *ctx, struct firn_error *err)
{
	struct umount_all *all = ctx;
	int rc = firn_umount(dir, all->state, err);

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
