/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/provide.h"

#include "base/fd.h"
#include "base/path.h"
#include "kernel/fsctx.h"
#include "kernel/mount.h"
#include "kernel/netns.h"
#include "node/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COPY_MAX (1u << 20) /* of a file that is copied */

static int write_file(const struct provide *p, const struct spec_provided *w, const char *text,
		      struct firn_error *err)
{
	_fd_ int fd =
	    openat(p->folder, w->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return firn_fail_errno(err, "make it");
	/* The mode after the umask had its say. */
	if (fchmod(fd, w->mode) < 0)
		return firn_fail_errno(err, "set its mode");
	return fd_write(fd, text, strlen(text), err);
}

/* The text of a regular file, "" when it isn't there or isn't one. */
static int read_text(int fd, char **ret, struct firn_error *err)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		*ret = strdup("");
		return *ret ? 0 : firn_fail_oom(err, "copy");
	}
	return fd_read_all(fd, COPY_MAX, ret, NULL, err);
}

static int write_copy(const struct provide *p, const struct spec_provided *w,
		      struct firn_error *err)
{
	_free_ char *text = NULL, *fitting = NULL;
	_fd_ int fd = -1;
	int rc;

	if (w->content == SPEC_RESOLV_CONF)
		fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	else if (p->rootfs >= 0 && w->destination)
		fd = path_open_beneath(p->rootfs, w->destination + strspn(w->destination, "/"),
				       O_RDONLY | O_NONBLOCK, 0, NULL);
	if ((rc = read_text(fd, &text, err)) < 0 ||
	    (rc = spec_fit(text, w->fit, &fitting, err)) < 0)
		return rc;
	return write_file(p, w, fitting, err);
}

static int make_folder(const struct provide *p, const struct spec_provided *w,
		       struct firn_error *err)
{
	if (mkdirat(p->folder, w->name, 0700) < 0 || fchmodat(p->folder, w->name, w->mode, 0) < 0)
		return firn_fail_errno(err, "make it");
	return 0;
}

static int make_shm(const struct provide *p, const struct spec_provided *w, struct firn_error *err)
{
	_fd_ int fs = -1, target = -1, archive = -1;
	int rc = make_folder(p, w, err);

	if (rc < 0)
		return rc;
	target = openat(p->folder, w->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return firn_fail_errno(err, "open it");
	fs = mount_tmpfs(w->bytes, w->mode, MOUNT_ATTRS_DATA, err);
	if (fs < 0)
		return fs;
	rc = content_open(p->content, SHM_ARCHIVE, &archive, err);
	if (rc > 0)
		rc = shm_fill(fs, archive, err);
	return rc < 0 ? rc : mount_attach(fs, target, err);
}

static int make_netns(const struct provide *p, const struct spec_provided *w,
		      struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = write_file(p, w, "", err);

	if (rc < 0)
		return rc;
	if (asprintf(&path, "%s/%s", p->path, w->name) < 0) {
		path = NULL;
		return firn_fail_oom(err, "path");
	}
	return networks_bind(p->networks, w->was, path, err);
}

static int provide(const struct provide *p, const struct spec_provided *w, struct firn_error *err)
{
	switch (w->kind) {
	case SPEC_FILE:
		if (w->content == SPEC_TEXT)
			return write_file(p, w, w->text, err);
		return write_copy(p, w, err);
	case SPEC_FOLDER:
		return make_folder(p, w, err);
	case SPEC_SHM:
		return make_shm(p, w, err);
	case SPEC_NETNS:
		return make_netns(p, w, err);
	}
	return firn_fail(err, FIRN_EUNSUPP, "is of no known kind");
}

int provide_all(const struct provide *p, struct firn_error *err)
{
	for (size_t i = 0; i < p->spec->nprovided; i++) {
		const struct spec_provided *w = &p->spec->provided[i];
		int rc = provide(p, w, err);

		if (rc < 0)
			return firn_wrap(err, rc, "file %s for the container", w->name);
	}
	return 0;
}
