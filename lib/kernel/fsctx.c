/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/fsctx.h"

#include "base/fault.h"
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Each read of a context gives one message: a letter (e, w, i), a blank and the text (fscontext).
 */
static void append_log(int ctx, struct firn_error *err)
{
	char text[256];
	ssize_t n;

	while (err && (n = read(ctx, text, sizeof(text) - 1)) > 2) {
		size_t used = strlen(err->msg);

		text[n] = '\0';
		text[strcspn(text, "\n")] = '\0';
		snprintf(err->msg + used, sizeof(err->msg) - used, " (%s)", text + 2);
	}
}

static int fail_with_log(int ctx, const char *what, struct firn_error *err)
{
	int rc = firn_fail_errno(err, "%s", what);
	int saved = errno;

	append_log(ctx, err);
	errno = saved;
	return rc;
}

int fsctx_open(const char *fs, struct firn_error *err)
{
	int fd = (int)syscall(SYS_fsopen, fs, FSOPEN_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENODEV || errno == ENOSYS)
		return firn_fail(err, FIRN_EUNSUPP, "this kernel can't mount %s", fs);
	return firn_fail_errno(err, "prepare a mount of %s", fs);
}

bool fsctx_may_mount(const char *fs)
{
	_fd_ int ctx = fsctx_open(fs, NULL);

	/* Nothing comes of it without a source, but who may not hears that first (mount_capable()).
	 */
	return ctx >= 0 && (syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0 ||
			    errno != EPERM);
}

int fsctx_flag(int ctx, const char *key, struct firn_error *err)
{
	if (syscall(SYS_fsconfig, ctx, FSCONFIG_SET_FLAG, key, NULL, 0) == 0)
		return 0;
	return fail_with_log(ctx, key, err);
}

int fsctx_string(int ctx, const char *key, const char *value, struct firn_error *err)
{
	if (syscall(SYS_fsconfig, ctx, FSCONFIG_SET_STRING, key, value, 0) == 0)
		return 0;
	return fail_with_log(ctx, key, err);
}

int fsctx_fd_path(int ctx, const char *key, int fd, struct firn_error *err)
{
	char path[FD_PATH_MAX];

	return fsctx_string(ctx, key, fd_path(fd, path), err);
}

int fsctx_mount(int ctx, uint64_t attrs, struct firn_error *err)
{
	int fd;

	if (FAULT_POINT("mount.create") ||
	    syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_with_log(ctx, "mount", err);
	fd = (int)syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC, attrs);
	if (fd < 0)
		return fail_with_log(ctx, "mount", err);
	return fd;
}
