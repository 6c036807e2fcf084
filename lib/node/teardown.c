/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/teardown.h"

#include "base/fd.h"
#include "kernel/fuse_mount.h"
#include "kernel/mount.h"
#include "kernel/mountinfo.h"
#include "kernel/overlay.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

/* A mount that was taken off, to be put back if a later one is in use. */
struct taken {
	int copy; /* -1: none could be made */
	char *path;
};

struct taken_list {
	struct taken *items;
	size_t count;
};

static void taken_done(struct taken_list *t)
{
	for (size_t i = 0; i < t->count; i++) {
		fd_close(t->items[i].copy);
		free(t->items[i].path);
	}
	free(t->items);
}

static void put_back(const struct taken_list *t)
{
	for (size_t i = t->count; i-- > 0;) {
		_fd_ int target = -1;

		if (t->items[i].copy < 0)
			continue;
		target = open(t->items[i].path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (target >= 0)
			(void)!mount_attach(t->items[i].copy, target, NULL);
	}
}

/* UMOUNT_DONE, UMOUNT_NONE or an error. */
static int take(const char *path, struct taken_list *t, struct firn_error *err)
{
	struct taken item = { .path = strdup(path) };
	int rc;

	if (!item.path)
		return firn_fail_oom(err, "unmount");
	item.copy = mount_clone(AT_FDCWD, path, 0, NULL);
	rc = umount_path(path, err);
	if (rc != UMOUNT_DONE) {
		fd_close(item.copy);
		free(item.path);
		return rc;
	}
	t->items[t->count++] = item;
	return rc;
}

/* Whether something else that is still mounted lies at or below the @i -th. */
static bool holds_others(const struct mountinfo *m, size_t i)
{
	for (size_t o = 0; o < m->count; o++)
		if (o != i && m->entries[o].target &&
		    mountinfo_covers(m->entries[i].target, m->entries[o].target))
			return true;
	return false;
}

/*
 * One pass over all of them, the longest path first. Where one mount covers another, the lower one
 * can't be reached by its path, and holds what is above it, until the next pass. Returns how many
 * went, or an error.
 */
static int pass(struct mountinfo *m, struct taken_list *t, struct firn_error *err)
{
	int went = 0;

	for (size_t i = 0; i < m->count; i++) {
		int rc = m->entries[i].target ? take(m->entries[i].target, t, err) : UMOUNT_NONE;

		if (rc < 0 && (rc != -FIRN_EBUSY || !holds_others(m, i)))
			return rc;
		if (rc != UMOUNT_DONE)
			continue;
		free(m->entries[i].target);
		m->entries[i].target = NULL;
		went++;
	}
	return went;
}

/* By what lies lowest there: an overlay, or what an ordinary user's server shows. */
static bool has_bundle(const struct mountinfo *m, const struct teardown *what)
{
	for (size_t i = 0; i < what->nbundles; i++)
		if (mountinfo_shows(m, what->bundles[i], OVERLAY_TYPE, OVERLAY_SOURCE) ||
		    mountinfo_shows(m, what->bundles[i], FUSE_MOUNT_TYPE, FUSE_MOUNT_SOURCE))
			return true;
	return false;
}

static int select_mounts(const struct teardown *what, struct mountinfo *m, struct firn_error *err)
{
	_free_ const char **tops = calloc(what->ntops + 1, sizeof(*tops));
	size_t n = what->ntops;

	if (!tops)
		return firn_fail_oom(err, "unmount");
	for (size_t i = 0; i < n; i++)
		tops[i] = what->tops[i];
	if (what->dir && has_bundle(m, what))
		tops[n++] = what->dir;
	mountinfo_select(m, tops, n);
	return 0;
}

int teardown(const struct teardown *what, struct firn_error *err)
{
	_cleanup_(mountinfo_done) struct mountinfo m = { 0 };
	_cleanup_(taken_done) struct taken_list t = { 0 };
	int rc = mountinfo_read(&m, err);

	if (rc == 0)
		rc = select_mounts(what, &m, err);
	if (rc < 0)
		return rc;
	t.items = calloc(m.count + 1, sizeof(*t.items));
	if (!t.items)
		return firn_fail_oom(err, "unmount");
	do {
		rc = pass(&m, &t, err);
	} while (rc > 0);
	if (rc < 0) {
		put_back(&t);
		return rc;
	}
	for (size_t i = 0; i < m.count; i++)
		if (m.entries[i].target)
			return firn_fail(err, FIRN_EBUSY, "unmount %s: something covers it",
					 m.entries[i].target);
	return 0;
}
