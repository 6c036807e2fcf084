/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/verity.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define BLOCK      4096u /* older kernels take the page size alone */
#define DIGEST_MAX 64u   /* sha512 */

/* 0 for a sealed file; ENODATA where there could be one (fs/verity/measure.c). */
static int measure(int fd)
{
	union {
		struct fsverity_digest digest;
		char room[sizeof(struct fsverity_digest) + DIGEST_MAX];
	} u = { .digest.digest_size = DIGEST_MAX };

	return ioctl(fd, FS_IOC_MEASURE_VERITY, &u);
}

bool verity_is_offered(int fd)
{
	return measure(fd) < 0 && errno == ENODATA;
}

int verity_seal(int fd)
{
	const struct fsverity_enable_arg arg = {
		.version = 1,
		.hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
		.block_size = BLOCK,
	};

	return ioctl(fd, FS_IOC_ENABLE_VERITY, &arg);
}

/*
 * The attribute alone doesn't say it: overlayfs passes on that of a lower file, and after a copy-up
 * the same descriptor reads another one, but it has no such ioctl. FUSE passes the ioctl on to
 * whoever serves it, but sets no such attribute.
 */
bool verity_is_sealed(int fd)
{
	struct statx stx;

	return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) == 0 &&
	       (stx.stx_attributes & STATX_ATTR_VERITY) && measure(fd) == 0;
}
