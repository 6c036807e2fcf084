/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/images.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/criu_pages.h"

#include <fcntl.h>
#include <unistd.h>

#define INVENTORY CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY

int images_find(const struct content *c, const struct view_mount **ret, struct firn_error *err)
{
	const struct view_mount *found = NULL;

	for (size_t i = 0; i < c->data.count; i++) {
		_fd_ int fd = path_open_beneath(c->data.items[i].fd, INVENTORY, O_PATH, 0, err);

		if (fd == -FIRN_ENOTFOUND)
			continue;
		if (fd < 0)
			return fd;
		if (found)
			return firn_fail(err, FIRN_ECORRUPT, "two layers have CRIU images");
		found = &c->data.items[i];
	}
	if (!found)
		return firn_fail(err, FIRN_ECORRUPT, "no layer has CRIU images (%s)", INVENTORY);
	*ret = found;
	return 0;
}

/* An image file that is closed with its source. */
struct image_source {
	struct source src;
	struct source *file;
	int fd;
};

static ssize_t image_pread(struct source *src, void *bytes, size_t n, uint64_t at,
			   struct firn_error *err)
{
	return source_pread(((struct image_source *)src)->file, bytes, n, at, err);
}

static void image_close(struct source *src)
{
	struct image_source *i = (struct image_source *)src;

	source_close(i->file);
	fd_close(i->fd);
	free(i);
}

struct image_folder {
	struct criu_images images;
	int dirfd;
};

static int open_image(struct criu_images *images, const char *name, struct source **ret,
		      struct firn_error *err)
{
	static const struct source_ops ops = { image_pread, image_close };
	const struct image_folder *f = (const struct image_folder *)images;
	_fd_ int fd = path_open_beneath(f->dirfd, name, O_RDONLY, 0, err);
	struct image_source *i;
	int rc;

	if (fd < 0)
		return fd == -FIRN_ENOTFOUND ? 0 : fd;
	i = calloc(1, sizeof(*i));
	if (!i)
		return firn_fail_oom(err, name);
	rc = source_from_fd(fd, &i->file, err);
	if (rc < 0) {
		free(i);
		return firn_wrap(err, rc, "%s", name);
	}
	i->fd = take_fd(&fd);
	i->src.ops = &ops;
	i->src.size = i->file->size;
	*ret = &i->src;
	return 1;
}

int images_inspect(int dirfd, struct criu_info *ret, struct firn_error *err)
{
	struct image_folder f = { .images.open = open_image, .dirfd = dirfd };

	return firn_wrap(err, criu_inspect(&f.images, ret, err), "CRIU images");
}

int images_check_pages(int dirfd, struct firn_error *err)
{
	struct image_folder f = { .images.open = open_image, .dirfd = dirfd };

	return criu_pages_check_all(&f.images, (uint64_t)sysconf(_SC_PAGESIZE), err);
}
