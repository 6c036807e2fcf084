/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/erofs_mount.h"

#include "base/fault.h"
#include "base/fd.h"
#include "kernel/fsctx.h"
#include "kernel/loop.h"
#include "kernel/read_ahead.h"

#include <errno.h>

/* A failed context can't be used again, so each attempt makes its own. errno is kept. */
static int attempt(const struct erofs_image *image, enum road road, struct firn_error *err)
{
	_fd_ int ctx = fsctx_open("erofs", err);
	int rc;

	if (ctx < 0)
		return ctx;
	rc = fsctx_fd_path(ctx, "source", image->fd, err);
	/* Without it a read-only loop device gives EACCES. */
	if (rc == 0)
		rc = fsctx_flag(ctx, "ro", err);
	if (rc == 0 && road == ROAD_FILE_DIRECTIO)
		rc = fsctx_flag(ctx, "directio", err);
	for (size_t i = 0; rc == 0 && i < image->ndevices; i++)
		rc = fsctx_fd_path(ctx, "device", image->devices[i], err);
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

static int attempt_loop(const struct erofs_image *image, struct firn_error *err)
{
	int *loops = calloc(image->ndevices + 1, sizeof(*loops));
	struct erofs_image looped = *image;
	size_t n = 0;
	int rc;

	if (!loops)
		return firn_fail_oom(err, "loop devices");
	rc = loop_attach(image->fd, err);
	while (rc >= 0 && n < image->ndevices) {
		loops[n++] = rc;
		rc = loop_attach(image->devices[n - 1], err);
	}
	if (rc >= 0) {
		loops[n++] = rc;
		looped.fd = loops[0];
		looped.devices = loops + 1;
		rc = attempt(&looped, ROAD_LOOP, err);
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

static int mount_file(const struct erofs_image *image, enum road *ret_road, struct firn_error *err)
{
	int fd = -1;

	*ret_road = image->use == EROFS_PACKED ? ROAD_FILE : ROAD_FILE_DIRECTIO;
	fd = attempt(image, *ret_road, err);
	if (fd < 0 && *ret_road == ROAD_FILE_DIRECTIO && errno == EINVAL) {
		*ret_road = ROAD_FILE;
		fd = attempt(image, *ret_road, err);
	}
	return fd;
}

int erofs_mount(const struct erofs_image *image, enum road *ret_road, struct firn_error *err)
{
	const unsigned long newest = image->use == EROFS_DATA ? read_ahead_newest() : 0;
	enum road road = ROAD_LOOP;
	int fd = -1;

	if (FAULT_POINT("mount.erofs"))
		return firn_fail(err, FIRN_EUNSUPP, "this kernel can't mount erofs");
	errno = 0;
	if (image->want != ROAD_LOOP)
		fd = mount_file(image, &road, err);
	if (fd < 0 && image->want == ROAD_FILE)
		fd = fail_without_files(fd, err);
	if (image->want == ROAD_LOOP || (fd < 0 && image->want == ROAD_ANY && errno == ENOTBLK)) {
		road = ROAD_LOOP;
		fd = attempt_loop(image, err);
	}
	if (fd < 0)
		return firn_wrap(err, fd, "EROFS image");
	if (image->use == EROFS_DATA)
		read_ahead_raise(newest);
	*ret_road = road;
	return fd;
}
