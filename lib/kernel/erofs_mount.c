/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/erofs_mount.h"

#include "base/fault.h"
#include "base/fd.h"
#include "kernel/fsctx.h"
#include "kernel/loop.h"

#include <errno.h>

/* A failed context can't be used again, so each attempt makes its own. errno is kept. */
static int attempt(int image, const int *devices, size_t ndevices, enum road road,
		   struct firn_error *err)
{
	_fd_ int ctx = fsctx_open("erofs", err);
	int rc;

	if (ctx < 0)
		return ctx;
	rc = fsctx_fd_path(ctx, "source", image, err);
	/* Without it a read-only loop device gives EACCES. */
	if (rc == 0)
		rc = fsctx_flag(ctx, "ro", err);
	if (rc == 0 && road == ROAD_FILE_DIRECTIO)
		rc = fsctx_flag(ctx, "directio", err);
	for (size_t i = 0; rc == 0 && i < ndevices; i++)
		rc = fsctx_fd_path(ctx, "device", devices[i], err);
	if (rc == 0)
		rc = fsctx_mount(ctx, MOUNT_ATTR_RDONLY | MOUNT_ATTRS_DATA, err);
	return rc;
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fd_close(fds[i]);
	free(fds);
}

static int attempt_loop(int image, const int *devices, size_t ndevices, struct firn_error *err)
{
	int *loops = calloc(ndevices + 1, sizeof(*loops));
	size_t n = 0;
	int rc;

	if (!loops)
		return firn_fail_oom(err, "loop devices");
	rc = loop_attach(image, err);
	while (rc >= 0 && n < ndevices) {
		loops[n++] = rc;
		rc = loop_attach(devices[n - 1], err);
	}
	if (rc >= 0) {
		loops[n++] = rc;
		rc = attempt(loops[0], loops + 1, ndevices, ROAD_LOOP, err);
	}
	/* Mounted or not: the mount holds the devices, and without one they clear themselves. */
	close_all(loops, n);
	return rc;
}

/* Some files can't be read by any kernel (on overlayfs, on tmpfs), some kernels read none. */
static int fail_without_files(int rc, struct firn_error *err)
{
	if (errno != ENOTBLK)
		return rc;
	return firn_fail(err, FIRN_EUNSUPP,
			 "this kernel, or the file system it lies on, can't mount a file");
}

int erofs_mount(int image, const int *devices, size_t ndevices, enum road want, enum road *ret_road,
		struct firn_error *err)
{
	enum road road = want == ROAD_LOOP ? ROAD_LOOP : ROAD_FILE_DIRECTIO;
	int fd = -1;

	if (FAULT_POINT("mount.erofs"))
		return firn_fail(err, FIRN_EUNSUPP, "this kernel can't mount erofs");
	errno = 0;
	if (road != ROAD_LOOP)
		fd = attempt(image, devices, ndevices, road, err);
	if (fd < 0 && road != ROAD_LOOP && errno == EINVAL) {
		road = ROAD_FILE;
		fd = attempt(image, devices, ndevices, road, err);
	}
	if (fd < 0 && want == ROAD_FILE)
		fd = fail_without_files(fd, err);
	if (road == ROAD_LOOP || (fd < 0 && want == ROAD_ANY && errno == ENOTBLK)) {
		road = ROAD_LOOP;
		fd = attempt_loop(image, devices, ndevices, err);
	}
	if (fd < 0)
		return firn_wrap(err, fd, "EROFS image");
	*ret_road = road;
	return fd;
}
