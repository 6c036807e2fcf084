/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/folder_out.h"

#include "base/fault.h"
#include "base/fd.h"
#include "base/path.h"
#include "export/folder_stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define BLOCK 4096u /* what payloads of firn's layers are aligned to, and most filesystems' */

void folder_out_done(struct folder_out *f)
{
	const int e = errno;

	if (f->stage && !f->done && f->fd >= 0) {
		folder_stage_empty(f->stage);
		if (!f->existed)
			rmdir(f->stage);
	}
	fd_close(f->fd);
	free(f->path);
	free(f->stage);
	free(f->above);
	*f = (struct folder_out)FOLDER_OUT_NONE;
	errno = e;
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int check_empty(int fd, struct firn_error *err)
{
	_fd_ int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(dir_closep) DIR *dir = own < 0 ? NULL : fdopendir(own);
	struct dirent *e;

	if (!dir || FAULT_POINT("folder.look"))
		return firn_fail_errno(err, "read folder");
	take_fd(&own);
	errno = 0;
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return firn_fail(err, FIRN_EEXIST, "is there and not empty");
	return errno ? firn_fail_errno(err, "read folder") : 0;
}

/* Where the name ends that is wanted: "a/b//" is b in a. */
static int split(struct folder_out *f, const char *path, struct firn_error *err)
{
	size_t len = strlen(path), name;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (name = len; name > 0 && path[name - 1] != '/'; name--)
		;
	if (!len)
		return firn_fail(err, FIRN_EINVAL, "is no name for a folder");
	f->path = strndup(path, len);
	f->above = name ? strndup(path, name) : strdup("./");
	if (!f->path || !f->above)
		return firn_fail_oom(err, "name");
	return 0;
}

static int take_existing(struct folder_out *f, struct firn_error *err)
{
	int rc = folder_stage_lock(f->fd, f->path, err);

	if (rc == 0)
		rc = check_empty(f->fd, err);
	return rc < 0 ? rc : folder_stage_mark(f->fd, err);
}

static int make(struct folder_out *f, struct firn_error *err)
{
	struct stat st;

	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd >= 0) {
		f->existed = true;
		f->stage = strdup(f->path);
		return f->stage ? take_existing(f, err) : firn_fail_oom(err, "name");
	}
	if (errno == ENOTDIR)
		return firn_fail(err, FIRN_EEXIST, "is there and no folder");
	if (errno != ENOENT)
		return firn_fail_errno(err, "open");
	if (lstat(f->path, &st) == 0)
		return firn_fail(err, FIRN_EEXIST, "is a link to something that isn't there");
	folder_stage_sweep(f->above);
	return folder_stage_make(f->above, &f->stage, &f->fd, err);
}

int folder_out_open(const char *path, struct work *w, struct folder_out *ret,
		    struct firn_error *err)
{
	_cleanup_(folder_out_done) struct folder_out f = FOLDER_OUT_NONE;
	int rc = split(&f, path, err);

	f.work = w;
	if (rc == 0)
		rc = make(&f, err);
	if (rc < 0 && f.existed)
		f.done = true; /* what is in there, if anything, is somebody else's */
	if (rc == 0 && fchmod(f.fd, 0700) < 0)
		rc = firn_fail_errno(err, "mode of the folder");
	if (rc < 0)
		return rc;
	*ret = f;
	f = (struct folder_out)FOLDER_OUT_NONE;
	return 0;
}

int folder_out_folder(struct folder_out *f, const char *path, struct firn_error *err)
{
	if (mkdirat(f->fd, path, 0700) < 0)
		return firn_fail_errno(err, "make folder %s", path);
	return 0;
}

int folder_out_symlink(struct folder_out *f, const char *path, const char *target,
		       struct firn_error *err)
{
	if (symlinkat(target, f->fd, path) < 0)
		return firn_fail_errno(err, "make link %s", path);
	return 0;
}

int folder_out_link(struct folder_out *f, const char *path, const char *to, struct firn_error *err)
{
	if (linkat(f->fd, to, f->fd, path, 0) < 0)
		return firn_fail_errno(err, "make link %s", path);
	return 0;
}

static int create(struct folder_out *f, const char *path, struct firn_error *err)
{
	return path_open_beneath(f->fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
}

static void set_time(int fd, int64_t mtime)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = mtime } };

	(void)!futimens(fd, times); /* nobody restores by it */
}

/* How many bytes from the beginning @fd has in common with the blob's file now. */
static uint64_t share(int fd, const struct blob_in *b, uint64_t at, uint64_t n)
{
	uint64_t base;
	struct file_clone_range r = { .src_fd = blob_in_fd(b, &base) };

	r.src_offset = base + at;
	r.src_length = n - n % BLOCK;
	if (r.src_fd < 0 || r.src_offset % BLOCK || !r.src_length)
		return 0;
	return ioctl(fd, FICLONERANGE, &r) == 0 ? r.src_length : 0;
}

/* What isn't shared is copied through the hash, which has to see it anyway. */
int folder_out_file(struct folder_out *f, const char *path, int64_t mtime, struct blob_in *b,
		    uint64_t at, uint64_t n, struct firn_error *err)
{
	_fd_ int fd = create(f, path, err);
	_cleanup_(sink_closep) struct sink *to = NULL;
	uint64_t shared;
	int rc;

	if (fd < 0)
		return fd;
	shared = share(fd, b, at, n);
	f->bytes += n;
	f->shared += shared;
	if (lseek(fd, (off_t)shared, SEEK_SET) < 0)
		return firn_fail_errno(err, "seek");
	if ((rc = sink_from_fd(fd, &to, err)) < 0 ||
	    (rc = blob_in_copy(b, at, shared, NULL, f->work, path, err)) < 0 ||
	    (rc = blob_in_copy(b, at + shared, n - shared, to, f->work, path, err)) < 0)
		return firn_wrap(err, rc, "%s", path);
	set_time(fd, mtime);
	return 0;
}

int folder_out_text(struct folder_out *f, const char *path, int64_t mtime, const void *bytes,
		    size_t n, struct firn_error *err)
{
	_fd_ int fd = create(f, path, err);
	int rc = fd < 0 ? fd : fd_write(fd, bytes, n, err);

	if (rc < 0)
		return firn_wrap(err, rc, "%s", path);
	f->bytes += n;
	set_time(fd, mtime);
	return 0;
}

int folder_out_clean(const char *path, struct firn_error *err)
{
	_cleanup_(folder_out_done) struct folder_out f = FOLDER_OUT_NONE;
	int rc = split(&f, path, err);

	if (rc < 0)
		return rc;
	folder_stage_sweep(f.above);
	f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f.fd < 0 ? 0 : folder_stage_lock(f.fd, f.path, err);
}

int folder_out_finish(struct folder_out *f, struct firn_error *err)
{
	_fd_ int above = -1;

	if (FAULT_POINT("publish.flush") || syncfs(f->fd) < 0)
		return firn_fail_errno(err, "flush");
	if (f->existed) {
		folder_stage_unmark(f->fd);
	} else {
		if (FAULT_POINT("publish.rename") || rename(f->stage, f->path) < 0)
			return firn_fail_errno(err, "name it");
		above = open(f->above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	f->done = true;
	if (above >= 0 && fsync(above) < 0 && errno != EINVAL)
		return firn_fail_errno(err, "flush folder");
	return 0;
}
