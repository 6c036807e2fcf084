/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/flat.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/dir_image.h"
#include "store/dir.h"
#include "store/ops.h"
#include "store/publish.h"

#include <fcntl.h>

struct flat_store {
	struct store base;
	int fd;
	bool writing;
};

static int open_blob(struct flat_store *s, const struct digest *d, int flags, uint64_t *ret_size,
		     struct firn_error *err)
{
	char hex[DIGEST_TEXT_MAX], name[DIR_IMAGE_NAME_MAX];
	int fd = path_open_file(s->fd, digest_hex(d, hex), flags, ret_size, err);

	if (fd != -FIRN_ENOTFOUND)
		return fd;
	return path_open_file(s->fd, dir_image_manifest(d, name), flags, ret_size, err);
}

static int flat_has(struct store *store, const struct digest *d, uint64_t *ret_size,
		    struct firn_error *err)
{
	int fd = open_blob((struct flat_store *)store, d, O_PATH, ret_size, err);

	if (fd < 0)
		return fd == -FIRN_ENOTFOUND ? 0 : fd;
	fd_close(fd);
	return 1;
}

static int flat_open_fd(struct store *store, const struct digest *d, int *ret_fd, uint64_t *ret_at,
			uint64_t *ret_size, struct firn_error *err)
{
	struct flat_store *s = (struct flat_store *)store;
	int fd = open_blob(s, d, O_RDONLY, ret_size, err);

	if (fd == -FIRN_ENOTFOUND)
		return firn_fail(err, FIRN_ENOTFOUND, "is not in the folder");
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	*ret_at = 0;
	return 0;
}

static int flat_writer(struct store *store, enum digest_alg alg, uint64_t reserve,
		       struct blob_writer **ret, struct firn_error *err)
{
	struct flat_store *s = (struct flat_store *)store;

	if (!s->writing)
		return firn_fail(err, FIRN_EINVAL, "the folder was opened for reading");
	return dir_writer(s->fd, alg, reserve, false, ret, err);
}

static int flat_sync(struct store *store, struct firn_error *err)
{
	return publish_sync(((struct flat_store *)store)->fd, err);
}

static void flat_close(struct store *store)
{
	struct flat_store *s = (struct flat_store *)store;

	fd_close(s->fd);
	free(s);
}

static const struct store_ops flat_ops = {
	.has = flat_has,
	.open_fd = flat_open_fd,
	.writer = flat_writer,
	.sync = flat_sync,
	.close = flat_close,
};

int flat_open(int dirfd, bool writing, struct store **ret, struct firn_error *err)
{
	struct flat_store *s = malloc(sizeof(*s));
	int rc;

	if (!s)
		return firn_fail_oom(err, "store");
	*s = (struct flat_store){
		.base = { .ops = &flat_ops },
		.fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0),
		.writing = writing,
	};
	if (s->fd < 0)
		rc = firn_fail_errno(err, "open folder again");
	else
		rc = writing ? publish_clean(s->fd, err) : 0;
	if (rc < 0) {
		flat_close(&s->base);
		return rc;
	}
	*ret = &s->base;
	return 0;
}
