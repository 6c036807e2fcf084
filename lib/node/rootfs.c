/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/rootfs.h"

#include "base/fd.h"
#include "base/folder.h"
#include "base/lock.h"
#include "kernel/fsctx.h"
#include "kernel/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#define LOCK_SECONDS 10  /* while another firn mounts with the same folder */
#define TRIALS       10  /* while another mount has it */
#define TRIAL_PAUSE  200 /* ms between them */

/* The topmost layer that says what the root is like; when none does, any is as good. */
static int root_layer(const struct rootfs *r)
{
	char path[FD_PATH_MAX];

	for (size_t i = 0; i < r->layers->count; i++) {
		fd_path(r->layers->items[i].fd, path);
		if (getxattr(path, VIEW_ROOT_IMPLIED, NULL, 0) < 0)
			return r->layers->items[i].fd;
	}
	return r->layers->items[0].fd;
}

/*
 * The topmost folder of an overlay gives the mounted root its attributes: here those of the layer
 * that has them, which it hides, and CRIU's mode.
 */
static int dress_root(const struct rootfs *r, int folder, struct firn_error *err)
{
	char path[FD_PATH_MAX];
	struct stat st;
	struct timespec times[2];

	if (fstat(root_layer(r), &st) < 0)
		return firn_fail_errno(err, "stat");
	fd_path(folder, path);
	times[0] = times[1] = st.st_mtim;
	if (chown(path, st.st_uid, st.st_gid) < 0 ||
	    chmod(path, (r->root_mode ? r->root_mode : st.st_mode) & 07777) < 0 ||
	    utimensat(AT_FDCWD, path, times, 0) < 0)
		return firn_fail_errno(err, "set the attributes of the root folder");
	return 0;
}

/* A folder of the user's own may hold what an earlier mount has left in it. */
static int keep_folder(int parent, const char *name, struct firn_error *err)
{
	int fd;

	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make %s", name);
	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : firn_fail_errno(err, "open %s", name);
}

/* The folders of an overlay on its way. */
struct writable {
	int folder; /* the user's, locked until the overlay is there; -1 */
	int upper, work;
};

#define WRITABLE_NONE                                                                              \
	{                                                                                          \
		-1, -1, -1                                                                         \
	}

static void writable_done(struct writable *w)
{
	fd_close(w->folder);
	fd_close(w->upper);
	fd_close(w->work);
}

/* Folders of the stage, which nobody else has. */
static int make_pair(const struct stage *stage, const char *upper, const char *work,
		     struct writable *ret, struct firn_error *err)
{
	ret->upper = stage_folder(stage->root, upper, 0700, err);
	if (ret->upper < 0)
		return ret->upper;
	ret->work = stage_folder(stage->root, work, 0700, err);
	return ret->work < 0 ? ret->work : 0;
}

/*
 * That nobody writes to the user's folder: two overlays would harm each other's files. What a
 * container that has just ended had of it may be on its way out.
 */
static int check_unused(const struct rootfs *r, const struct writable *w, struct firn_error *err)
{
	const struct timespec pause = { .tv_nsec = TRIAL_PAUSE * 1000000L };
	_cleanup_(writable_done) struct writable trial = WRITABLE_NONE;
	int rc = make_pair(r->stage, "trial-upper", "trial-work", &trial, err);

	if (rc < 0)
		return rc;
	for (int i = 0; i < TRIALS; i++) {
		if (!overlay_is_written(w->upper, trial.upper, trial.work))
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	return firn_fail(err, FIRN_EBUSY, "is that of another mount, which writes there");
}

static int open_kept(const struct rootfs *r, struct writable *ret, struct firn_error *err)
{
	int rc = ret->folder = folder_make_private(r->upper, 0700, err);

	if (rc < 0)
		return rc;
	if ((rc = lock_wait(ret->folder, LOCK_EXCLUSIVE, LOCK_SECONDS, err)) < 0 ||
	    (rc = ret->upper = keep_folder(ret->folder, "upper", err)) < 0 ||
	    (rc = ret->work = keep_folder(ret->folder, "work", err)) < 0 ||
	    (rc = check_unused(r, ret, err)) < 0)
		return firn_wrap(err, rc, "upper folder %s", r->upper);
	return 0;
}

int rootfs_mount(const struct rootfs *r, struct firn_error *err)
{
	const size_t n = r->layers->count;
	_free_ int *lowers = calloc(n + 1, sizeof(*lowers));
	_cleanup_(writable_done) struct writable w = WRITABLE_NONE;
	_fd_ int top = -1;
	struct overlay o = { .staging = r->stage->root, .attrs = MOUNT_ATTR_NODEV };
	int rc;

	if (!lowers)
		return firn_fail_oom(err, "rootfs");
	if (r->read_only) {
		/* Also the second lower folder, where there is one layer. */
		rc = top = stage_folder(r->stage->root, "rootfs-top", 0700, err);
		lowers[o.nlowers++] = top;
		o.attrs |= MOUNT_ATTR_RDONLY;
	} else {
		rc = r->upper ? open_kept(r, &w, err)
			      : make_pair(r->stage, "rootfs-upper", "rootfs-work", &w, err);
	}
	if (rc >= 0)
		rc = dress_root(r, r->read_only ? top : w.upper, err);
	for (size_t i = 0; i < n; i++)
		lowers[o.nlowers++] = r->layers->items[i].fd;
	o.lowers = lowers;
	o.upper = w.upper;
	o.work = w.work;
	if (rc >= 0)
		rc = overlay_mount(&o, err);
	return firn_wrap(err, rc, "rootfs");
}
