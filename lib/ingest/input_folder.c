/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A checkpoint that lies in a folder: what an archive would hold, or CRIU's images alone. All names
 * are collected and sorted first; each file is opened when its turn comes, from the folder down and
 * never through a symbolic link.
 */
#include "ingest/input.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct folder_file {
	char *path;  /* below the folder */
	mode_t mode; /* type, as it was when the names were collected */
};

struct folder_input {
	struct input input;
	struct istream payload; /* of the current member */
	int root;
	int fd; /* the current member */
	uint64_t left;
	bool bare; /* CRIU's images alone: they become members of checkpoint/ */
	struct folder_file *files;
	size_t count, room, next;
	struct tar_entry entry;
	char member[PATH_MEMBER_MAX + sizeof(CHECKPOINT_IMAGES_DIR) + 1];
};

static void folder_close(struct input *in)
{
	struct folder_input *f = (struct folder_input *)in;

	for (size_t i = 0; i < f->count; i++)
		free(f->files[i].path);
	free(f->files);
	fd_close(f->fd);
	fd_close(f->root);
	free(f);
}

static int add_file(struct folder_input *f, const char *path, const struct stat *st,
		    struct firn_error *err)
{
	if (f->count >= INPUT_FILES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "the folder has more than %u files",
				 INPUT_FILES_MAX);
	if (f->count == f->room) {
		const size_t room = f->room ? 2 * f->room : 64;
		struct folder_file *more = reallocarray(f->files, room, sizeof(*more));

		if (!more)
			return firn_fail_oom(err, "folder");
		f->files = more;
		f->room = room;
	}
	f->files[f->count].path = strdup(path);
	if (!f->files[f->count].path)
		return firn_fail_oom(err, "folder");
	f->files[f->count++].mode = st->st_mode;
	f->input.total += S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	return 0;
}

static int walk(struct folder_input *f, const char *folder, unsigned depth, struct firn_error *err);

static int walk_entry(struct folder_input *f, int dirfd, const char *folder, const char *name,
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
	rc = add_file(f, path, &st, err);
	if (rc < 0 || !S_ISDIR(st.st_mode))
		return rc;
	return walk(f, path, depth + 1, err);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int walk(struct folder_input *f, const char *folder, unsigned depth, struct firn_error *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char quoted[PATH_QUOTE_MAX];
	const struct dirent *d;
	_fd_ int fd = -1;
	int rc = 0;

	if (depth > INPUT_DEPTH_MAX)
		return firn_fail(err, FIRN_ELIMIT, "folder %s: deeper than %d folders",
				 path_quote(folder, quoted), INPUT_DEPTH_MAX);
	fd = path_open_beneath(f->root, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return firn_fail_errno(err, "read %s", path_quote(folder, quoted));
	take_fd(&fd);
	while (rc >= 0 && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = walk_entry(f, dirfd(dir), folder, d->d_name, depth, err);
	if (rc >= 0 && errno)
		return firn_fail_errno(err, "read %s", path_quote(folder, quoted));
	return rc;
}

/* The documents first, so that a wrong base is found before gigabytes are read. */
static int rank(const char *path)
{
	if (strcmp(path, CHECKPOINT_CONFIG) == 0)
		return 0;
	return strcmp(path, CHECKPOINT_SPEC) == 0 ? 1 : 2;
}

static int compare_files(const void *a, const void *b)
{
	const char *x = ((const struct folder_file *)a)->path;
	const char *y = ((const struct folder_file *)b)->path;
	const int by_rank = rank(x) - rank(y);

	return by_rank ? by_rank : strcmp(x, y);
}

static const char *member_path(struct folder_input *f, const char *path)
{
	if (!f->bare || checkpoint_is_log(path))
		snprintf(f->member, sizeof(f->member), "%s", path);
	else
		snprintf(f->member, sizeof(f->member), CHECKPOINT_IMAGES_DIR "/%s", path);
	return f->member;
}

static int open_member(struct folder_input *f, const struct folder_file *file, struct stat *st,
		       struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	/* O_NONBLOCK: if it became a fifo meanwhile, that must not stop us. */
	f->fd = path_open_beneath(f->root, file->path,
				  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, err);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, st) < 0)
		return firn_fail_errno(err, "stat %s", path_quote(file->path, quoted));
	return 0;
}

static int folder_next(struct input *in, const struct tar_entry **ret, struct firn_error *err)
{
	struct folder_input *f = (struct folder_input *)in;
	const struct folder_file *file;
	struct stat st;
	int rc;

	f->fd = fd_close(f->fd);
	if (f->next == f->count)
		return 0;
	file = &f->files[f->next++];
	st = (struct stat){ .st_mode = file->mode };
	/* Nobody wants anything else, but whoever refuses it should see it. */
	if (S_ISREG(file->mode) || S_ISDIR(file->mode)) {
		rc = open_member(f, file, &st, err);
		if (rc < 0)
			return rc;
	}
	f->left = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	f->entry = (struct tar_entry){
		.path = (char *)member_path(f, file->path),
		.mode = st.st_mode,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.size = f->left,
		.mtime = st.st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st.st_mtim.tv_nsec,
	};
	*ret = &f->entry;
	return 1;
}

static ssize_t file_read(struct istream *stream, void *buf, size_t n, struct firn_error *err)
{
	struct folder_input *f =
	    (struct folder_input *)((char *)stream - offsetof(struct folder_input, payload));
	const size_t want = f->left < n ? (size_t)f->left : n;
	const ssize_t got = want ? fd_read(f->fd, buf, want, err) : 0;

	if (got > 0) {
		f->left -= (size_t)got;
		f->input.done += (size_t)got;
	}
	return got;
}

static void file_close(struct istream *stream)
{
	(void)stream; /* lives in its folder_input */
}

static const struct istream_ops file_ops = { .read = file_read, .close = file_close };

static int folder_payload(struct input *in, struct istream **ret, struct firn_error *err)
{
	struct folder_input *f = (struct folder_input *)in;

	(void)err;
	f->payload.ops = &file_ops;
	*ret = &f->payload;
	return 0;
}

static int folder_finish(struct input *in, struct digest *ret, struct firn_error *err)
{
	(void)ret;
	(void)err;
	in->done = in->total;
	return 0;
}

static const struct input_ops folder_ops = {
	.next = folder_next,
	.payload = folder_payload,
	.finish = folder_finish,
	.close = folder_close,
};

static bool has(int root, const char *name)
{
	struct stat st;

	return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What kind of folder it is. */
static int look(struct folder_input *f, struct firn_error *err)
{
	if (has(f->root, CHECKPOINT_CONFIG) ||
	    has(f->root, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY))
		return 0;
	f->bare = has(f->root, CHECKPOINT_INVENTORY);
	if (f->bare)
		return 0;
	return firn_fail(
	    err, FIRN_ECORRUPT, "no checkpoint: the folder has no %s, no %s/%s and no %s",
	    CHECKPOINT_CONFIG, CHECKPOINT_IMAGES_DIR, CHECKPOINT_INVENTORY, CHECKPOINT_INVENTORY);
}

int input_open_folder(int fd, struct input **ret, struct firn_error *err)
{
	struct folder_input *f = calloc(1, sizeof(*f));
	_cleanup_(input_closep) struct input *in = NULL;
	int rc;

	if (!f) {
		fd_close(fd);
		return firn_fail_oom(err, "input");
	}
	f->input.ops = &folder_ops;
	f->root = fd;
	f->fd = -1;
	in = &f->input;
	if ((rc = look(f, err)) < 0 || (rc = walk(f, "", 0, err)) < 0)
		return rc;
	qsort(f->files, f->count, sizeof(*f->files), compare_files);
	*ret = take_ptr(&in);
	return 0;
}
