/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into a dir: image. Its manifest.json comes last, over that of an image that was there before;
 * then the files go that only the old one had. Before that the folder is the image that it was, or
 * none.
 */
#include "copy/to.h"

#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "copy/flat.h"
#include "copy/partial.h"
#include "format/dir_image.h"
#include "store/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LOCK_SECONDS 60
#define LARGE_BYTES  (4u << 20) /* from here on a download can be gone on with */

struct to_dir {
	struct to to;
	char *path;
	int fd;
	bool made; /* the folder, by us */
	struct store *store;
	char *top; /* manifest.json, until it is written */
	size_t top_len;
	struct digest top_digest;
};

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

static DIR *list_folder(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		fd_close(fd);
	return dir;
}

/* What a copy that was cut short has left, besides an image's files. */
static bool is_temp(const char *name)
{
	return strncmp(name, PUBLISH_TEMP_PREFIX, strlen(PUBLISH_TEMP_PREFIX)) == 0;
}

/* Nothing of somebody else's is written over: a folder is empty, or it is a dir: image. */
static int check_empty(int dirfd, struct firn_error *err)
{
	_cleanup_(dir_closep) DIR *dir = list_folder(dirfd);
	char quoted[PATH_QUOTE_MAX];
	const struct dirent *e;

	if (!dir)
		return firn_fail_errno(err, "read folder");
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    !is_temp(e->d_name))
			return firn_fail(err, FIRN_EEXIST, "no dir: image, and not empty: has %s",
					 path_quote(e->d_name, quoted));
	return 0;
}

static int check_folder(int dirfd, bool force, struct firn_error *err)
{
	char mark[DIR_IMAGE_MARK_MAX];
	_fd_ int fd = path_open_beneath(dirfd, DIR_IMAGE_VERSION, O_RDONLY | O_NONBLOCK, 0, err);
	ssize_t len;
	int rc;

	if (fd == -FIRN_ENOTFOUND)
		return check_empty(dirfd, err);
	if (fd < 0)
		return fd;
	len = fd_read(fd, mark, sizeof(mark), err);
	rc = len < 0 ? (int)len : dir_image_check_mark(mark, (size_t)len, err);
	if (rc < 0 || force)
		return rc;
	if (faccessat(dirfd, DIR_IMAGE_MANIFEST, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return firn_fail(err, FIRN_EEXIST, "has an image already (--force replaces it)");
	return 0;
}

static int dir_check(struct to *to, const struct roots *roots, struct firn_error *err)
{
	struct to_dir *t = (struct to_dir *)to;
	const char mark[] = DIR_IMAGE_MARK;
	int rc;

	if (roots->n != 1)
		return firn_fail(err, FIRN_EINVAL, "dir: holds one image");
	t->top_digest = roots->list[0].desc.digest;
	rc = publish_bytes(t->fd, DIR_IMAGE_VERSION, mark, sizeof(mark) - 1, err);
	return rc < 0 ? rc : 0;
}

static int dir_has(struct to *to, const struct digest *d, uint64_t size, struct firn_error *err)
{
	uint64_t found;
	int rc = store_has(to->store, d, &found, err);

	return rc < 0 ? rc : rc > 0 && found == size;
}

/* From a registry, where what is large can be gone on with, or made on the way. 1 when it was
 * there; *ret NULL: it is. */
static int fetch(struct to_dir *t, const struct item *i, const struct store_watch *watch,
		 struct blob_writer **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc = dir_has(&t->to, &i->digest, i->size, err);

	if (rc != 0)
		return rc;
	rc = i->size < LARGE_BYTES || from_is_made(t->to.from, &i->digest)
		 ? 1
		 : partial_fetch(t->to.from, i, t->fd, ".", false, watch, err);
	if (rc <= 0)
		return rc;
	*ret = from_take_blob(t->to.from, &i->digest);
	if (*ret)
		return 0;
	rc = from_blob(t->to.from, &i->digest, i->size, &src, err);
	if (rc < 0)
		return rc;
	return store_receive(t->store, &i->digest, src, watch, ret, err);
}

static int dir_blob(struct to *to, const struct item *i, const struct store_watch *watch,
		    enum fate *ret_fate, struct firn_error *err)
{
	struct to_dir *t = (struct to_dir *)to;
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	const bool remote = to->from->registry || from_is_made(to->from, &i->digest);
	int rc = remote ? fetch(t, i, watch, &w, err)
			: store_fetch_watched(t->store, to->from->store, &i->digest, i->size, watch,
					      &w, err);

	if (rc < 0)
		return rc;
	if (!w) { /* it has its name */
		*ret_fate = rc > 0 ? FATE_PRESENT : FATE_COPIED;
		return 0;
	}
	*ret_fate = rc > 0 ? FATE_PRESENT : FATE_COPIED;
	rc = blob_publish(w, err);
	return rc < 0 ? rc : 0;
}

/* A small file, in place of what has its name. */
static int write_over(int dirfd, const char *name, const char *text, size_t len,
		      struct firn_error *err)
{
	_cleanup_(publish_done) struct publish p = PUBLISH_NONE;
	int rc;

	if ((rc = publish_open(dirfd, &p, err)) < 0 || (rc = fd_write(p.fd, text, len, err)) < 0 ||
	    (rc = publish_flush(&p, err)) < 0 || (rc = publish_replace(&p, name, err)) < 0)
		return firn_wrap(err, rc, "%s", name);
	return 0;
}

static int dir_document(struct to *to, const struct item *i, const char *text, enum fate *ret_fate,
			struct firn_error *err)
{
	struct to_dir *t = (struct to_dir *)to;
	char name[DIR_IMAGE_NAME_MAX];

	*ret_fate = FATE_COPIED;
	if (digest_equal(&i->digest, &t->top_digest)) {
		t->top = malloc((size_t)i->size + 1);
		if (!t->top)
			return firn_fail_oom(err, DIR_IMAGE_MANIFEST);
		memcpy(t->top, text, (size_t)i->size);
		t->top_len = (size_t)i->size;
		return 0;
	}
	return write_over(t->fd, dir_image_manifest(&i->digest, name), text, (size_t)i->size, err);
}

/* Files of an image's that are no more part of it. */
static int remove_old(struct to_dir *t, struct firn_error *err)
{
	_cleanup_(dir_closep) DIR *dir = list_folder(t->fd);
	const struct dirent *e;
	struct digest d;

	if (!dir)
		return firn_fail_errno(err, "read folder");
	while ((e = readdir(dir))) {
		const bool document = strchr(e->d_name, '.');

		if (!dir_image_parse(e->d_name, &d) ||
		    (plan_find(t->to.plan, &d, document) && !digest_equal(&d, &t->top_digest)))
			continue;
		if (unlinkat(t->fd, e->d_name, 0) < 0 && errno != ENOENT)
			return firn_fail_errno(err, "remove %s", e->d_name);
	}
	return 0;
}

static int dir_finish(struct to *to, const struct roots *roots, struct firn_error *err)
{
	struct to_dir *t = (struct to_dir *)to;
	int rc;

	(void)roots;
	partial_end(t->fd);
	if (!t->top)
		return firn_fail(err, FIRN_EINVAL, "dir: holds images, and this is none");
	if ((rc = publish_sync(t->fd, err)) < 0 ||
	    (rc = write_over(t->fd, DIR_IMAGE_MANIFEST, t->top, t->top_len, err)) < 0 ||
	    (rc = remove_old(t, err)) < 0 || (rc = publish_sync(t->fd, err)) < 0)
		return rc;
	t->made = false;
	return 0;
}

static void to_dir_close(struct to *to)
{
	struct to_dir *t = (struct to_dir *)to;

	store_close(t->store);
	fd_close(t->fd);
	/* Empty, if nothing came of it. */
	if (t->made)
		rmdir(t->path);
	free(t->path);
	free(t->top);
	free(t);
}

static int open_folder(struct to_dir *t, bool force, struct firn_error *err)
{
	int rc;

	t->made = mkdir(t->path, 0700) == 0;
	if (!t->made && errno != EEXIST)
		return firn_fail_errno(err, "make folder");
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd < 0)
		return firn_fail_errno(err, "open folder");
	if ((rc = lock_wait(t->fd, LOCK_EXCLUSIVE, LOCK_SECONDS, err)) < 0 ||
	    (rc = check_folder(t->fd, force, err)) < 0)
		return rc;
	return flat_open(t->fd, true, &t->store, err);
}

int to_dir_open(const char *path, bool force, struct to **ret, struct firn_error *err)
{
	static const struct to_ops ops = {
		.check = dir_check,
		.has = dir_has,
		.blob = dir_blob,
		.document = dir_document,
		.finish = dir_finish,
		.close = to_dir_close,
		.parallel = true,
		.tag = TAG_NONE,
	};
	struct to_dir *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return firn_fail_oom(err, "folder");
	t->to.ops = &ops;
	t->fd = -1;
	t->path = strdup(path);
	rc = t->path ? open_folder(t, force, err) : firn_fail_oom(err, "folder");
	if (rc < 0) {
		to_dir_close(&t->to);
		return firn_wrap(err, rc, "dir:%s", path);
	}
	t->to.store = t->store;
	t->to.tmp = t->path;
	*ret = &t->to;
	return 0;
}
