/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/stage.h"

#include "base/fd.h"
#include "kernel/fsctx.h"
#include "kernel/mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int stage_open(struct stage *s, const char *path, struct firn_error *err)
{
	_fd_ int target = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_fd_ int fs = -1;
	int rc;

	if (target < 0)
		return firn_fail_errno(err, "open %s", path);
	fs = mount_tmpfs(0, 0700, MOUNT_ATTRS_DATA, err);
	if (fs < 0)
		return fs;
	rc = mount_attach(fs, target, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path);
	s->count = 0;
	s->root = take_fd(&fs);
	return 0;
}

void stage_done(struct stage *s)
{
	s->root = fd_close(s->root);
}

int stage_folder(int parent, const char *name, unsigned mode, struct firn_error *err)
{
	int fd;

	if (mkdirat(parent, name, mode) < 0)
		return firn_fail_errno(err, "make %s", name);
	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : firn_fail_errno(err, "open %s", name);
}

int stage_attach(struct stage *s, int mount, struct firn_error *err)
{
	_fd_ int target = -1;
	char name[16];

	snprintf(name, sizeof(name), "layer%u", s->count++);
	target = stage_folder(s->root, name, 0700, err);
	return target < 0 ? target : mount_attach(mount, target, err);
}
