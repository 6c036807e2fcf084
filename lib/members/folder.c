/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Members of a folder: names are collected, files are opened from the folder down when they are
 * asked for, never through a symbolic link.
 */
#include "members/priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 64 /* folders in folders: dumps are flat, artifacts nearly */

#define IN_IMAGES CHECKPOINT_IMAGES_DIR "/"

/* The path in the folder of the member @path. */
static const char *file_of(const struct members *m, const char *path)
{
	const size_t len = strlen(IN_IMAGES);

	return m->bare && strncmp(path, IN_IMAGES, len) == 0 ? path + len : path;
}

static int add_file(struct members *m, int dirfd, const char *path, const struct stat *st,
		    struct firn_error *err)
{
	char member[PATH_MEMBER_MAX + sizeof(IN_IMAGES)], target[PATH_MEMBER_MAX + 1];
	const bool moved = m->bare && !checkpoint_is_log(path);
	struct member_how how = { .place = PLACE_FOLDER };
	struct member f = { .path = member, .mtime = st->st_mtim.tv_sec };
	ssize_t len;

	snprintf(member, sizeof(member), "%s%s", moved ? IN_IMAGES : "", path);
	if (S_ISREG(st->st_mode)) {
		f.kind = MEMBER_FILE;
		f.size = (uint64_t)st->st_size;
	} else if (S_ISDIR(st->st_mode)) {
		f.kind = MEMBER_FOLDER;
	} else if (S_ISLNK(st->st_mode)) {
		f.kind = MEMBER_LINK;
		len = readlinkat(dirfd, path_basename(path), target, sizeof(target) - 1);
		if (len < 0)
			return firn_fail_errno(err, "%s", path);
		target[len] = '\0';
		f.target = target;
	} else {
		f.kind = MEMBER_OTHER;
	}
	return members_add(m, &f, &how, err);
}

static int walk(struct members *m, const char *folder, unsigned depth, struct firn_error *err);

static int walk_entry(struct members *m, int dirfd, const char *folder, const char *name,
		      unsigned depth, struct firn_error *err)
{
	char path[PATH_MEMBER_MAX + 1], quoted[PATH_QUOTE_MAX];
	struct stat st;
	int rc;

	if (snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", name) >=
	    (int)sizeof(path))
		return firn_fail(err, FIRN_ELIMIT, "a name in %s is longer than %d bytes",
				 path_quote(folder, quoted), PATH_MEMBER_MAX);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return firn_fail_errno(err, "stat %s", path_quote(path, quoted));
	rc = add_file(m, dirfd, path, &st, err);
	if (rc < 0 || !S_ISDIR(st.st_mode))
		return rc;
	return walk(m, path, depth + 1, err);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int walk(struct members *m, const char *folder, unsigned depth, struct firn_error *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char quoted[PATH_QUOTE_MAX];
	const struct dirent *d;
	_fd_ int fd = -1;
	int rc = 0;

	if (depth > DEPTH_MAX)
		return firn_fail(err, FIRN_ELIMIT, "folder %s: deeper than %d folders",
				 path_quote(folder, quoted), DEPTH_MAX);
	fd = path_open_beneath(m->folder, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return firn_fail_errno(err, "read %s", path_quote(folder, quoted));
	take_fd(&fd);
	while (rc >= 0 && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = walk_entry(m, dirfd(dir), folder, d->d_name, depth, err);
	if (rc >= 0 && errno)
		return firn_fail_errno(err, "read %s", path_quote(folder, quoted));
	return rc;
}

static bool has(int root, const char *name)
{
	struct stat st;

	return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int members_add_folder(struct members *m, struct firn_error *err)
{
	const bool images = has(m->folder, IN_IMAGES CHECKPOINT_INVENTORY);

	m->bare =
	    !images && !has(m->folder, CHECKPOINT_CONFIG) && has(m->folder, CHECKPOINT_INVENTORY);
	if (!images && !m->bare)
		return firn_fail(err, FIRN_EINVAL,
				 "is no checkpoint: the folder has neither " IN_IMAGES "%s nor %s",
				 CHECKPOINT_INVENTORY, CHECKPOINT_INVENTORY);
	return walk(m, "", 0, err);
}

/* A file that its source closes. */
struct file_source {
	struct source source;
	struct source *file;
	int fd;
};

static ssize_t file_pread(struct source *src, void *buf, size_t n, uint64_t at,
			  struct firn_error *err)
{
	return source_pread(((struct file_source *)src)->file, buf, n, at, err);
}

static void file_close(struct source *src)
{
	struct file_source *f = (struct file_source *)src;

	source_close(f->file);
	fd_close(f->fd);
	free(f);
}

int members_open_file(struct members *m, const char *path, struct source **ret,
		      struct firn_error *err)
{
	static const struct source_ops ops = { file_pread, file_close };
	/* O_NONBLOCK: if it became a fifo meanwhile, that must not stop us. */
	_fd_ int fd = path_open_beneath(m->folder, file_of(m, path),
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, err);
	_cleanup_(source_closep) struct source *file = NULL;
	struct file_source *f;
	int rc;

	if (fd < 0)
		return fd;
	rc = source_from_fd(fd, &file, err);
	if (rc < 0)
		return rc;
	f = calloc(1, sizeof(*f));
	if (!f)
		return firn_fail_oom(err, "member");
	f->source = (struct source){ &ops, file->size };
	f->file = take_ptr(&file);
	f->fd = take_fd(&fd);
	*ret = &f->source;
	return 0;
}
