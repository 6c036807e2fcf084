/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/images.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/criu_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 1 and the dump before @name, whose folder lies in @dirfd; 0 when it builds on none. */
static int parent_of(int dirfd, const char *name, char ret[CHECKPOINT_DUMP_NAME_MAX],
		     struct firn_error *err)
{
	char path[CHECKPOINT_DUMP_NAME_MAX + sizeof(CHECKPOINT_PARENT)];
	char target[CHECKPOINT_DUMP_NAME_MAX + 8];
	_fd_ int folder = path_open_beneath(dirfd, name, O_PATH | O_DIRECTORY, 0, err);
	unsigned parent;
	ssize_t len;

	if (folder < 0)
		return folder;
	len = readlinkat(folder, CHECKPOINT_PARENT, target, sizeof(target) - 1);
	if (len < 0 && errno == ENOENT)
		return 0;
	if (len < 0)
		return firn_fail_errno(err, "read the link %s/%s", name, CHECKPOINT_PARENT);
	target[len] = '\0';
	snprintf(path, sizeof(path), "%s/%s", name, CHECKPOINT_PARENT);
	parent = checkpoint_parent(path, target);
	if (!parent)
		return firn_fail(err, FIRN_ECORRUPT, "%s leads to no dump before it", path);
	checkpoint_dump_name(parent, ret);
	return 1;
}

/* 1 when @path is in the layer, or 0. */
static int has(const struct view_mount *layer, const char *path, struct firn_error *err)
{
	_fd_ int fd = path_open_beneath(layer->fd, path, O_PATH, 0, err);

	if (fd == -FIRN_ENOTFOUND)
		return 0;
	return fd < 0 ? fd : 1;
}

/* 1 and the only data layer that has @path, 0 when none has. */
static int find_layer(const struct content *c, const char *path, const struct view_mount **ret,
		      struct firn_error *err)
{
	const struct view_mount *found = NULL;

	for (size_t i = 0; i < c->data.count; i++) {
		int rc = has(&c->data.items[i], path, err);

		if (rc < 0)
			return rc;
		if (rc && found)
			return firn_fail(err, FIRN_ECORRUPT, "two layers have CRIU images (%s)",
					 path);
		if (rc)
			found = &c->data.items[i];
	}
	*ret = found;
	return found != NULL;
}

/* The dump before the last one of @images: 1, or 0 when that one stands alone. */
static int find_parent(const struct content *c, struct images *images, struct firn_error *err)
{
	const struct images_dump *last = &images->dumps[images->count - 1];
	struct images_dump *next = &images->dumps[images->count];
	char name[CHECKPOINT_DUMP_NAME_MAX];
	int rc = parent_of(last->layer->fd, last->name, name, err);

	if (rc <= 0)
		return rc;
	/* Numbers go down on the way, so this never goes beyond the last one. */
	memcpy(next->name, name, sizeof(name));
	rc = find_layer(c, name, &next->layer, err);
	if (rc == 0)
		return firn_fail(err, FIRN_ENOTFOUND,
				 "%s builds on the dump %s, which isn't here: an image of both is "
				 "needed (firn build --previous)",
				 last->name, name);
	images->count++;
	return rc;
}

int images_find(const struct content *c, struct images *ret, struct firn_error *err)
{
	static const char inventory[] = CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY;
	int rc = find_layer(c, inventory, &ret->dumps[0].layer, err);

	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT, "no layer has CRIU images (%s)", inventory);
	checkpoint_dump_name(CHECKPOINT_DUMPS_MAX, ret->dumps[0].name);
	ret->count = 1;
	while (rc > 0)
		rc = find_parent(c, ret, err);
	return rc;
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

/* The dumps of a bundle, opened. */
struct opened {
	size_t count;
	struct image_folder folders[CHECKPOINT_DUMPS_MAX];
	char names[CHECKPOINT_DUMPS_MAX][CHECKPOINT_DUMP_NAME_MAX];
	struct criu_dump dumps[CHECKPOINT_DUMPS_MAX];
};

static void opened_done(struct opened *o)
{
	while (o->count)
		fd_close(o->folders[--o->count].dirfd);
}

static int open_dump(struct opened *o, int bundle, struct firn_error *err)
{
	const size_t i = o->count;
	struct image_folder *f = &o->folders[i];
	int fd = path_open_beneath(bundle, o->names[i], O_RDONLY | O_DIRECTORY, 0, err);

	if (fd < 0)
		return fd;
	*f = (struct image_folder){ .images.open = open_image, .dirfd = fd };
	o->dumps[i] = (struct criu_dump){ .images = &f->images, .folder = o->names[i] };
	o->count++;
	return 0;
}

int images_check_pages(int bundle, struct firn_error *err)
{
	_cleanup_(opened_done) struct opened o = { .count = 0 };
	char next[CHECKPOINT_DUMP_NAME_MAX];
	int rc = 1;

	checkpoint_dump_name(CHECKPOINT_DUMPS_MAX, next);
	while (rc > 0) {
		memcpy(o.names[o.count], next, sizeof(next));
		rc = open_dump(&o, bundle, err);
		if (rc == 0)
			rc = parent_of(bundle, o.names[o.count - 1], next, err);
	}
	if (rc < 0)
		return rc;
	return criu_pages_check_all(o.dumps, o.count, (uint64_t)sysconf(_SC_PAGESIZE), err);
}
