/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/overlay.h"

#include "base/buf.h"
#include "base/fd.h"
#include "kernel/fsctx.h"
#include "kernel/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define STAGING_NAME "overlay"

/* redirect_dir: "off" may still follow what a layer says
 * (CONFIG_OVERLAY_FS_REDIRECT_ALWAYS_FOLLOW). */
static const struct {
	const char *key, *value;
} features[] = {
	{ "redirect_dir", "nofollow" }, { "metacopy", "off" }, { "index", "off" },
	{ "nfs_export", "off" },        { "xino", "off" },
};

/*
 * Root of a user namespace can't set trusted.*, where overlayfs keeps what it notes of the upper
 * folder; from Linux 5.11 on it can do that in user.*.
 */
static bool needs_userxattr(int upper)
{
	static const char name[] = "trusted.overlay.firn";
	char path[FD_PATH_MAX];

	if (setxattr(fd_path(upper, path), name, "", 0, 0) < 0)
		return errno == EPERM;
	removexattr(path, name);
	return false;
}

int overlay_make_opaque(int folder, struct firn_error *err)
{
	const char *name =
	    needs_userxattr(folder) ? "user.overlay.opaque" : "trusted.overlay.opaque";
	char path[FD_PATH_MAX];

	if (setxattr(fd_path(folder, path), name, "y", 1, 0) < 0)
		return firn_fail_errno(err, "set %s", name);
	return 0;
}

static int configure(int ctx, const struct overlay *o, struct firn_error *err)
{
	int rc = fsctx_string(ctx, "source", OVERLAY_SOURCE, err);

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(features); i++)
		rc = fsctx_string(ctx, features[i].key, features[i].value, err);
	for (size_t i = 0; rc == 0 && i < o->nlowers; i++)
		rc = fsctx_fd_path(ctx, "lowerdir+", o->lowers[i], err);
	if (rc == 0 && o->upper >= 0)
		rc = fsctx_fd_path(ctx, "upperdir", o->upper, err);
	if (rc == 0 && o->upper >= 0)
		rc = fsctx_fd_path(ctx, "workdir", o->work, err);
	if (rc == 0 && o->upper >= 0 && needs_userxattr(o->upper))
		rc = fsctx_flag(ctx, "userxattr", err);
	return rc;
}

int overlay_mount(const struct overlay *o, struct firn_error *err)
{
	_fd_ int ctx = -1;
	int rc, old;

	if (o->nlowers > OVERLAY_LOWERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "%zu layers, overlayfs takes %d", o->nlowers,
				 OVERLAY_LOWERS_MAX);
	ctx = fsctx_open(OVERLAY_TYPE, err);
	if (ctx < 0)
		return ctx;
	errno = 0;
	rc = configure(ctx, o, err);
	if (rc == 0)
		rc = fsctx_mount(ctx, o->attrs, err);
	/* An unknown lowerdir+ fails at once (6.5, 6.6) or when the file system is made (before).
	 */
	if (rc < 0 && errno == EINVAL) {
		old = overlay_mount_by_options(o, NULL);
		if (old >= 0)
			return old;
	}
	return firn_wrap(err, rc, "overlay");
}

bool overlay_is_written(int folder, int upper, int work)
{
	_fd_ int ctx = fsctx_open(OVERLAY_TYPE, NULL), mount = -1;

	if (ctx < 0 || fsctx_string(ctx, "index", "on", NULL) < 0 ||
	    fsctx_fd_path(ctx, "lowerdir", folder, NULL) < 0 ||
	    fsctx_fd_path(ctx, "upperdir", upper, NULL) < 0 ||
	    fsctx_fd_path(ctx, "workdir", work, NULL) < 0 ||
	    (needs_userxattr(upper) && fsctx_flag(ctx, "userxattr", NULL) < 0))
		return false;
	mount = fsctx_mount(ctx, MOUNT_ATTRS_DATA, NULL);
	return mount < 0 && errno == EBUSY;
}

static int print_options(const struct overlay *o, struct buf *out, struct firn_error *err)
{
	char path[FD_PATH_MAX];

	buf_puts(out, "lowerdir=");
	for (size_t i = 0; i < o->nlowers; i++)
		buf_printf(out, "%s%s", i ? ":" : "", fd_path(o->lowers[i], path));
	if (o->upper >= 0) {
		buf_printf(out, ",upperdir=%s", fd_path(o->upper, path));
		buf_printf(out, ",workdir=%s", fd_path(o->work, path));
	}
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		buf_printf(out, ",%s=%s", features[i].key, features[i].value);
	if (o->upper >= 0 && needs_userxattr(o->upper))
		buf_puts(out, ",userxattr");
	return buf_check(out, err);
}

int overlay_mount_by_options(const struct overlay *o, struct firn_error *err)
{
	_buf_ struct buf options = BUF_INIT;
	char path[FD_PATH_MAX + sizeof(STAGING_NAME)];
	char staging[FD_PATH_MAX];
	int rc, fd;

	rc = print_options(o, &options, err);
	if (rc < 0)
		return rc;
	if (options.len >= (size_t)sysconf(_SC_PAGESIZE))
		return firn_fail(err, FIRN_ELIMIT,
				 "overlay: %zu layers are too many for this kernel", o->nlowers);
	if (mkdirat(o->staging, STAGING_NAME, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "overlay: make %s", STAGING_NAME);
	snprintf(path, sizeof(path), "%s/%s", fd_path(o->staging, staging), STAGING_NAME);
	/* The first four MOUNT_ATTR_ bits are those of MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC.
	 */
	if (syscall(SYS_mount, OVERLAY_SOURCE, path, OVERLAY_TYPE, (unsigned long)o->attrs,
		    options.data) < 0)
		return firn_fail_errno(err, "overlay: mount");
	fd = mount_clone(o->staging, STAGING_NAME, 0, err);
	rc = umount_path(path, err);
	if (fd >= 0 && rc < 0) {
		fd_close(fd);
		fd = rc;
	}
	return firn_wrap(err, fd, "overlay");
}
