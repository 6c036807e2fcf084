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
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES 8 /* a slot that is being removed by its last owner */

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

void slot_done(struct slot *s)
{
	fd_close(s->lock);
	free(s->state);
	free(s->folder);
	free(s->bundle);
	free(s->logs);
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
	_free_ char *logs = NULL;

	if (join(containers, key, &s->folder) && join(s->folder, "bundle", &s->bundle) &&
	    join(s->state, "logs", &logs) && join(logs, key, &s->logs) &&
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

static int take_slot(struct slot *s, const char *name, struct firn_error *err)
{
	for (int i = 0; i < TRIES; i++) {
		int rc;

		if (mkdir(s->folder, 0700) < 0 && errno != EEXIST)
			return firn_fail_errno(err, "make %s", s->folder);
		rc = lock_slot(s, name, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		rc = firn_umount(s->bundle, s->state, err);
		if (rc < 0 && rc != -FIRN_ENOTFOUND)
			return firn_wrap(err, rc, "what is left of container %s", name);
		unlink_files(s);
		return 0;
	}
	return firn_fail(err, FIRN_EBUSY, "container %s comes and goes", name);
}

/* A key that is nobody's name yet. */
static int fresh_key(const char *containers, char **ret, struct firn_error *err)
{
	_free_ char *path = NULL;

	if (!join(containers, "restore-XXXXXX", &path))
		return firn_fail_oom(err, "container");
	if (!mkdtemp(path))
		return firn_fail_errno(err, "make %s", path);
	*ret = strdup(path_basename(path));
	return *ret ? 0 : firn_fail_oom(err, "container");
}

int slot_claim(const char *state, const char *name, struct slot *ret, struct firn_error *err)
{
	_cleanup_(slot_done) struct slot s = { .lock = -1 };
	_free_ char *containers = NULL, *key = NULL;
	_fd_ int fd = -1;
	int rc;

	fd = folder_make_private(state ? state : LIVE_STATE, 0700, err);
	if (fd < 0)
		return firn_wrap(err, fd, "state folder");
	s.state = realpath(state ? state : LIVE_STATE, NULL);
	if (!s.state)
		return firn_fail_errno(err, "state folder");
	if (!join(s.state, "containers", &containers))
		return firn_fail_oom(err, "container");
	fd_close(fd);
	fd = folder_make_private(containers, 0700, err);
	if (fd < 0)
		return firn_wrap(err, fd, "state folder");
	if (!name) {
		rc = fresh_key(containers, &key, err);
		if (rc < 0)
			return rc;
	}
	rc = set_paths(&s, containers, name ? name : key, err);
	if (rc == 0)
		rc = take_slot(&s, name ? name : key, err);
	if (rc < 0)
		return rc;
	*ret = s;
	s = (struct slot){ .lock = -1 };
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
