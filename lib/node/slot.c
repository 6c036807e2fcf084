/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/slot.h"

#include "base/fd.h"
#include "base/folder.h"
#include "base/lock.h"
#include "base/path.h"
#include "firn/mount.h"
#include "node/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES    8    /* a slot that is being removed by its last owner */
#define KEYS_MAX 4096 /* containers at once whose names nobody gave */

int slot_check_name(const char *name, struct firn_error *err)
{
	static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_+-.";
	const size_t len = strlen(name);
	char quoted[PATH_QUOTE_MAX];

	if (len && len <= SLOT_NAME_MAX && strspn(name, fit) == len && strcmp(name, ".") != 0 &&
	    strcmp(name, "..") != 0 && *name != '-')
		return 0;
	return firn_fail(err, FIRN_EINVAL,
			 "container name %s: must be 1 to %d letters, digits, \"_+-.\"",
			 path_quote(name, quoted), SLOT_NAME_MAX);
}

void slot_release(struct slot *s)
{
	if (!s->restoring)
		return;
	/* Whoever has it open already finds out that it has no name. */
	(void)unlink(s->restoring);
	fd_close(s->reserved);
	free(s->restoring);
	s->restoring = NULL;
}

void slot_done(struct slot *s)
{
	slot_release(s);
	fd_close(s->lock);
	free(s->state);
	free(s->folder);
	free(s->bundle);
	free(s->pid_file);
	free(s->runtime_log);
	free(s->console);
	*s = (struct slot){ .lock = -1 };
}

/* A new string "FOLDER/NAME" in *ret; NULL when out of memory. */
static bool join(const char *folder, const char *name, char **ret)
{
	if (asprintf(ret, "%s/%s", folder, name) >= 0)
		return true;
	*ret = NULL;
	return false;
}

static int set_paths(struct slot *s, const char *containers, const char *key,
		     struct firn_error *err)
{
	if (join(containers, key, &s->folder) && join(s->folder, "bundle", &s->bundle) &&
	    join(s->folder, "pid", &s->pid_file) &&
	    join(s->folder, "runtime.log", &s->runtime_log) &&
	    join(s->folder, "console", &s->console))
		return 0;
	return firn_fail_oom(err, "container");
}

/*
 * 1 with the slot's lock held, 0 when the slot went away meanwhile (its owner held the lock while
 * it removed it), -FIRN_EEXIST when its owner lives.
 */
static int lock_slot(struct slot *s, const char *name, struct firn_error *err)
{
	_fd_ int folder = open(s->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd = -1;
	struct stat st;
	int rc;

	if (folder < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "%s", s->folder);
	fd = openat(folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "%s/lock", s->folder);
	rc = lock_wait(fd, LOCK_EXCLUSIVE, 0, err);
	if (rc == -FIRN_EBUSY)
		return firn_fail(err, FIRN_EEXIST, "container %s: firn has restored one that runs",
				 name);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", s->folder);
	if (fstat(fd, &st) < 0)
		return firn_fail_errno(err, "%s/lock", s->folder);
	if (st.st_nlink == 0)
		return 0;
	s->lock = take_fd(&fd);
	return 1;
}

static void unlink_files(const struct slot *s)
{
	(void)unlink(s->pid_file);
	(void)unlink(s->runtime_log);
	(void)unlink(s->console);
}

/*
 * Whether the container of a slot that nobody watches still runs: its pid is that of a process with
 * a mount namespace other than ours.
 */
static bool still_runs(const struct slot *s)
{
	_fd_ int fd = open(s->pid_file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[16], path[48];
	struct stat its, ours;
	ssize_t n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text) - 1, NULL);

	if (n <= 0)
		return false;
	text[n] = '\0';
	snprintf(path, sizeof(path), "/proc/%ld/ns/mnt", strtol(text, NULL, 10));
	return stat(path, &its) == 0 && stat("/proc/self/ns/mnt", &ours) == 0 &&
	       its.st_ino != ours.st_ino;
}

static int take_slot(struct slot *s, const char *name, struct firn_error *err)
{
	for (int i = 0; i < TRIES; i++) {
		int rc;

		if (mkdir(s->folder, 0700) == 0)
			s->stale = false;
		else if (errno == EEXIST)
			s->stale = true;
		else
			return firn_fail_errno(err, "make %s", s->folder);
		rc = lock_slot(s, name, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		if (s->stale && still_runs(s))
			return firn_fail(err, FIRN_EEXIST,
					 "container %s: firn has restored one that runs", name);
		rc = firn_umount(s->bundle, s->state, err);
		if (rc < 0 && rc != -FIRN_ENOTFOUND)
			return firn_wrap(err, rc, "what is left of container %s", name);
		unlink_files(s);
		return 0;
	}
	return firn_fail(err, FIRN_EBUSY, "container %s comes and goes", name);
}

/* Set s->state and give the folder of all slots. */
static int open_state(const char *state, struct slot *s, char **ret_containers,
		      struct firn_error *err)
{
	_fd_ int fd = folder_make_private(state, 0700, err), containers = -1;

	if (fd < 0)
		return firn_wrap(err, fd, "state folder");
	s->state = realpath(state, NULL);
	if (!s->state)
		return firn_fail_errno(err, "state folder");
	if (!join(s->state, "containers", ret_containers))
		return firn_fail_oom(err, "container");
	containers = folder_make_private(*ret_containers, 0700, err);
	return firn_wrap(err, containers < 0 ? containers : 0, "state folder");
}

static int claim(const char *state, const char *key, struct slot *ret, struct firn_error *err)
{
	_cleanup_(slot_done) struct slot s = { .lock = -1 };
	_free_ char *containers = NULL;
	int rc = open_state(state ? state : LIVE_STATE, &s, &containers, err);

	if (rc == 0)
		rc = set_paths(&s, containers, key, err);
	if (rc == 0)
		rc = take_slot(&s, key, err);
	if (rc < 0)
		return rc;
	*ret = s;
	s = (struct slot){ .lock = -1 };
	return 0;
}

int slot_claim(const char *state, const char *name, struct slot *ret, struct firn_error *err)
{
	int rc = -FIRN_EEXIST;

	if (name)
		return claim(state, name, ret, err);
	/* What somebody still looks around in is in the way of a container of that name alone. */
	for (unsigned n = 0; n < KEYS_MAX && (rc == -FIRN_EEXIST || rc == -FIRN_EBUSY); n++) {
		char key[32];

		snprintf(key, sizeof(key), "restore-%u", n);
		rc = claim(state, key, ret, err);
	}
	return rc;
}

/* 1 with the lock, 0 when the file went away meanwhile. */
static int lock_reserved(const char *path, const char *id, int *ret, struct firn_error *err)
{
	_fd_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;
	int rc;

	if (fd < 0)
		return firn_fail_errno(err, "%s", path);
	rc = lock_wait(fd, LOCK_EXCLUSIVE, 0, err);
	if (rc == -FIRN_EBUSY)
		return firn_fail(err, FIRN_EEXIST,
				 "container %s: another firn restores one of that id just now", id);
	if (rc < 0 || fstat(fd, &st) < 0)
		return rc < 0 ? rc : firn_fail_errno(err, "%s", path);
	if (st.st_nlink == 0)
		return 0;
	*ret = take_fd(&fd);
	return 1;
}

int slot_reserve(struct slot *s, const char *id, struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = 0;

	if (s->restoring)
		return 0;
	if (asprintf(&path, "%s/containers/%s:restoring", s->state, id) < 0) {
		path = NULL;
		return firn_fail_oom(err, "container");
	}
	for (int i = 0; i < TRIES && rc == 0; i++)
		rc = lock_reserved(path, id, &s->reserved, err);
	if (rc == 0)
		return firn_fail(err, FIRN_EBUSY, "container %s comes and goes", id);
	if (rc < 0)
		return rc;
	s->restoring = take_ptr(&path);
	return 0;
}

void slot_remove(struct slot *s)
{
	_fd_ int folder = -1;

	unlink_files(s);
	(void)rmdir(s->bundle);
	folder = open(s->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder >= 0)
		(void)unlinkat(folder, "lock", 0);
	(void)rmdir(s->folder);
}
