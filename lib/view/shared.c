/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/shared.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "format/erofs_disk.h"
#include "kernel/fsctx.h"
#include "kernel/mount.h"
#include "view/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define LOCK_SECONDS 30 /* others mount and unmount meanwhile: milliseconds each */
#define KEY_LEN      32

/* STATE/shared, locked. */
struct shared {
	char *path;
	const char *id; /* of the bundle */
	int folder;
};

#define SHARED_NONE                                                                                \
	{                                                                                          \
		.folder = -1                                                                       \
	}

static void shared_done(struct shared *s)
{
	free(s->path);
	fd_close(s->folder);
}

/* 1 with the lock, 0 when the folder was removed meanwhile. */
static int lock_folder(struct shared *s, struct firn_error *err)
{
	struct stat st;
	int rc;

	s->folder = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->folder < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "open %s", s->path);
	rc = lock_wait(s->folder, LOCK_EXCLUSIVE, LOCK_SECONDS, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", s->path);
	if (fstat(s->folder, &st) < 0)
		return firn_fail_errno(err, "%s", s->path);
	if (st.st_nlink)
		return 1;
	s->folder = fd_close(s->folder);
	return 0;
}

static int name_folder(struct shared *s, const char *bundle, struct firn_error *err)
{
	s->id = path_basename(bundle);
	if (asprintf(&s->path, "%.*s" SHARED_FOLDER, (int)(s->id - bundle), bundle) >= 0)
		return 0;
	s->path = NULL;
	return firn_fail_oom(err, "shared mounts");
}

static int open_made(struct shared *s, const char *bundle, struct firn_error *err)
{
	int rc = name_folder(s, bundle, err);

	if (rc < 0)
		return rc;
	do {
		if (mkdir(s->path, 0700) < 0 && errno != EEXIST)
			return firn_fail_errno(err, "make %s", s->path);
		rc = lock_folder(s, err);
	} while (rc == 0);
	return rc < 0 ? rc : 0;
}

/* As cache_find_index() knows a file. */
static int print_file(int fd, struct buf *out, struct firn_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return firn_fail_errno(err, "stat");
	buf_printf(out, "dev %ju ino %ju size %ju mtime %jd.%09ld ctime %jd.%09ld\n",
		   (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (uintmax_t)st.st_size,
		   (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (intmax_t)st.st_ctim.tv_sec,
		   st.st_ctim.tv_nsec);
	return 0;
}

static int make_key(const struct shared_image *image, char ret[KEY_LEN + 1], struct firn_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	char hex[DIGEST_TEXT_MAX];
	struct digest d;
	int rc = 0;

	buf_printf(&text, "%s\n", road_name(image->erofs.want));
	if (image->content)
		buf_printf(&text, "%s\n", digest_hex(image->content, hex));
	else
		rc = print_file(image->erofs.fd, &text, err);
	for (size_t i = 0; rc == 0 && i < image->erofs.ndevices; i++)
		rc = print_file(image->erofs.devices[i], &text, err);
	if (rc == 0)
		rc = buf_check(&text, err);
	if (rc == 0)
		rc = digest_of(text.data, text.len, &d, err);
	if (rc < 0)
		return rc;
	snprintf(ret, KEY_LEN + 1, "%.*s", KEY_LEN, digest_hex(&d, hex));
	return 0;
}

static bool is_shareable(const struct shared_image *image)
{
	bool ours = image->content || cache_is_private(image->erofs.fd);

	for (size_t i = 0; ours && i < image->erofs.ndevices; i++)
		ours = cache_is_private(image->erofs.devices[i]);
	return ours;
}

/* The folder of @road in @key's, if the file system is mounted there; else -1. */
static int open_mounted(int key, enum road road)
{
	_fd_ int fd = openat(key, road_name(road), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || (uint32_t)fs.f_type != EROFS_MAGIC)
		return -1;
	return take_fd(&fd);
}

static int find_mounted(int key, enum road *ret_road)
{
	for (int road = ROAD_FILE_DIRECTIO; road <= ROAD_LOOP; road++) {
		int fd = open_mounted(key, (enum road)road);

		if (fd < 0)
			continue;
		*ret_road = (enum road)road;
		return fd;
	}
	return -1;
}

static int mount_there(int key, const struct shared_image *image, enum road *ret_road,
		       struct firn_error *err)
{
	_fd_ int fd = erofs_mount(&image->erofs, ret_road, err);
	_fd_ int target = -1;
	const char *name;
	int rc;

	if (fd < 0)
		return fd;
	name = road_name(*ret_road);
	if (mkdirat(key, name, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make %s", name);
	target = openat(key, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return firn_fail_errno(err, "open %s", name);
	rc = mount_attach(fd, target, err);
	return rc < 0 ? rc : take_fd(&fd);
}

/* The bundle has its name in @key's folder already. Returns a copy. */
static int mount_copy(int key, const struct shared_image *image, enum road *ret_road,
		      struct firn_error *err)
{
	_fd_ int fd = find_mounted(key, ret_road);

	if (fd < 0)
		fd = mount_there(key, image, ret_road, err);
	return fd < 0 ? fd : mount_clone(fd, "", MOUNT_ATTR_RDONLY | MOUNT_ATTRS_DATA, err);
}

/* The detached mount, or -FIRN_EEXIST when the bundle has one of these already. */
static int mount_shared(const char *bundle, const struct shared_image *image, enum road *ret_road,
			struct firn_error *err)
{
	_cleanup_(shared_done) struct shared s = SHARED_NONE;
	char name[KEY_LEN + 1];
	_fd_ int key = -1, id = -1;
	int rc;

	if ((rc = make_key(image, name, err)) < 0 || (rc = open_made(&s, bundle, err)) < 0)
		return rc;
	if (mkdirat(s.folder, name, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make %s/%s", s.path, name);
	key = openat(s.folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (key < 0)
		return firn_fail_errno(err, "open %s/%s", s.path, name);
	id = openat(key, s.id, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (id < 0)
		return firn_fail_errno(err, "make %s/%s/%s", s.path, name, s.id);
	return mount_copy(key, image, ret_road, err);
}

int shared_mount(const char *bundle, const struct shared_image *image, enum road *ret_road,
		 struct firn_error *err)
{
	int rc = -FIRN_EEXIST;

	if (bundle && is_shareable(image))
		rc = mount_shared(bundle, image, ret_road, err);
	if (rc == -FIRN_EEXIST)
		rc = erofs_mount(&image->erofs, ret_road, err);
	return rc;
}

/* Unmount and remove the folder of @road in the one at @path. */
static int unmount(const char *path, int key, enum road road, struct firn_error *err)
{
	const char *name = road_name(road);
	_free_ char *at = NULL;
	int rc = 0, mounted = open_mounted(key, road);

	if (asprintf(&at, "%s/%s", path, name) < 0) {
		at = NULL;
		rc = firn_fail_oom(err, "unmount");
	}
	fd_close(mounted);
	/* At once, also from under somebody who looks around in it. */
	if (rc == 0 && mounted >= 0)
		rc = umount_tree(at, err);
	if (rc == 0 && unlinkat(key, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = firn_fail_errno(err, "remove %s", at);
	return rc;
}

static DIR *list(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		fd_close(fd);
	return d;
}

/* Whether anybody but @id has it. */
static bool is_had(int key, const char *id)
{
	DIR *d = list(key);
	const struct dirent *e;
	bool had = !d;

	/* Files are those who have it, folders are where it is mounted. */
	while (!had && (e = readdir(d))) {
		struct stat st;

		had =
		    strcmp(e->d_name, id) != 0 &&
		    (fstatat(key, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(st.st_mode));
	}
	if (d)
		closedir(d);
	return had;
}

static int drop_key(const struct shared *s, const char *name, struct firn_error *err)
{
	_fd_ int key = openat(s->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_free_ char *path = NULL;
	int rc = 0;

	if (key < 0)
		return firn_fail_errno(err, "open %s/%s", s->path, name);
	if (unlinkat(key, s->id, 0) < 0 && errno != ENOENT)
		return firn_fail_errno(err, "remove %s/%s/%s", s->path, name, s->id);
	if (is_had(key, s->id))
		return 0;
	if (asprintf(&path, "%s/%s", s->path, name) < 0) {
		path = NULL;
		return firn_fail_oom(err, "unmount");
	}
	for (int road = ROAD_FILE_DIRECTIO; rc == 0 && road <= ROAD_LOOP; road++)
		rc = unmount(path, key, (enum road)road, err);
	if (rc == 0 && unlinkat(s->folder, name, AT_REMOVEDIR) < 0)
		rc = firn_fail_errno(err, "remove %s", path);
	return rc;
}

int shared_drop(const char *bundle, struct firn_error *err)
{
	_cleanup_(shared_done) struct shared s = SHARED_NONE;
	const struct dirent *e;
	int rc = name_folder(&s, bundle, err);
	DIR *d;

	if (rc == 0)
		rc = lock_folder(&s, err);
	if (rc <= 0)
		return rc;
	d = list(s.folder);
	if (!d)
		return firn_fail_errno(err, "read %s", s.path);
	rc = 0;
	while (rc == 0 && (e = readdir(d)))
		if (strlen(e->d_name) == KEY_LEN)
			rc = drop_key(&s, e->d_name, err);
	closedir(d);
	if (rc == 0)
		(void)!rmdir(s.path);
	return rc;
}

static bool is_alone_in(const struct shared *s, const char *name)
{
	_fd_ int key = openat(s->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return key >= 0 &&
	       (faccessat(key, s->id, F_OK, AT_SYMLINK_NOFOLLOW) < 0 || !is_had(key, s->id));
}

bool shared_is_alone(const char *bundle)
{
	_cleanup_(shared_done) struct shared s = SHARED_NONE;
	const struct dirent *e;
	bool alone = true;
	DIR *d;

	if (name_folder(&s, bundle, NULL) < 0)
		return false;
	s.folder = open(s.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Without the folder it has mounts of its own. */
	if (s.folder < 0)
		return errno == ENOENT;
	d = list(s.folder);
	while (d && alone && (e = readdir(d)))
		if (strlen(e->d_name) == KEY_LEN)
			alone = is_alone_in(&s, e->d_name);
	if (d)
		closedir(d);
	return d && alone;
}
