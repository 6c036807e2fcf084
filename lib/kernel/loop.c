/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/loop.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* Between asking for a free number and taking it somebody else may be faster. */
#define LOOP_TRIES 64

/* 1 and the device, 0 when another process took it first, or an error. */
static int take_device(int number, int file, int *ret, struct firn_error *err)
{
	const struct loop_config config = {
		.fd = (uint32_t)file,
		.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO,
	};
	_fd_ int dev = -1;
	char path[32];

	snprintf(path, sizeof(path), "/dev/loop%d", number);
	dev = open(path, O_RDONLY | O_CLOEXEC);
	if (dev < 0)
		return firn_fail_errno(err, "open %s", path);
	if (ioctl(dev, LOOP_CONFIGURE, &config) < 0) {
		if (errno == EBUSY)
			return 0;
		return firn_fail_errno(err, "configure %s", path);
	}
	*ret = take_fd(&dev);
	return 1;
}

int loop_attach(int file, struct firn_error *err)
{
	_fd_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int dev = -1, number, rc;

	if (control < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return firn_fail(err, FIRN_EUNSUPP, "this host has no loop devices");
	if (control < 0)
		return firn_fail_errno(err, "open /dev/loop-control");
	for (unsigned i = 0; i < LOOP_TRIES; i++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			return firn_fail_errno(err, "find a free loop device");
		rc = take_device(number, file, &dev, err);
		if (rc != 0)
			return rc < 0 ? rc : dev;
	}
	return firn_fail(err, FIRN_EBUSY, "other processes take every free loop device");
}
