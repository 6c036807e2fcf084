/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/features.h"

#include "base/fd.h"
#include "kernel/erofs_mount.h"
#include "kernel/fsctx.h"
#include "kernel/loop.h"
#include "kernel/verity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define BLOCK 4096u

const char *feature_name(enum feature f)
{
	static const char *const names[] = {
		[FEATURE_EROFS] = "erofs",
		[FEATURE_FILE] = "erofs-file",
		[FEATURE_FILE_DIRECTIO] = "erofs-file-directio",
		[FEATURE_LOOP] = "loop",
		[FEATURE_ZSTD] = "erofs-zstd",
		[FEATURE_OVERLAY] = "overlay",
		[FEATURE_OVERLAY_LOWERS] = "overlay-lowerdir+",
		[FEATURE_OVERLAY_DATA] = "overlay-data-only",
		[FEATURE_OVERLAY_USER] = "overlay-userxattr",
		[FEATURE_FUSE] = "fuse",
		[FEATURE_REFLINK] = "reflink",
		[FEATURE_USERFAULTFD] = "userfaultfd",
		[FEATURE_VERITY] = "fs-verity",
	};

	return names[f];
}

static void yes(struct features *f, enum feature which)
{
	f->of[which].state = FEATURE_YES;
	f->of[which].why[0] = '\0';
}

static void _printf_(4, 5)
    answer(struct features *f, enum feature which, enum feature_state state, const char *fmt, ...)
{
	va_list ap;

	f->of[which].state = state;
	va_start(ap, fmt);
	vsnprintf(f->of[which].why, sizeof(f->of[which].why), fmt, ap);
	va_end(ap);
}

/* What a failed call means: who may not try it knows nothing. */
static enum feature_state state_of(int error)
{
	return error == EPERM || error == EACCES || error == EROFS || error == ENOSPC ||
		       error == EMFILE || error == ENFILE || error == ENOMEM
		   ? FEATURE_UNKNOWN
		   : FEATURE_NO;
}

static void no(struct features *f, enum feature which, const char *what)
{
	const int error = errno;

	answer(f, which, state_of(error), "%s: %s", what, strerror(error));
}

/* A file without a name; some file systems (vfat) have none but those that lost theirs. */
static int open_scratch(int folder)
{
	int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	const int why = errno;
	char name[48];

	if (fd >= 0 || (why != EOPNOTSUPP && why != EISDIR && why != EINVAL))
		return fd;
	snprintf(name, sizeof(name), ".firn-probe-%df", (int)getpid());
	fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)unlinkat(folder, name, 0);
	errno = why;
	return fd;
}

/* One of one block. Without it nothing is known of what was to be tried with it: errno says so. */
static int scratch(int folder, const void *bytes, struct firn_error *err)
{
	_fd_ int fd = open_scratch(folder);
	int rc = fd < 0 ? firn_fail_errno(err, "a file without a name")
			: fd_pwrite(fd, bytes, BLOCK, 0, err);

	if (rc == 0)
		return take_fd(&fd);
	errno = EACCES;
	return rc;
}

/* Where there is no /proc nothing is known of what needs it. */
static int reopen(int made, struct firn_error *err)
{
	char path[FD_PATH_MAX];
	int fd = open(fd_path(made, path), O_RDONLY | O_CLOEXEC), rc;

	if (fd >= 0)
		return fd;
	rc = firn_fail_errno(err, "open it again in /proc");
	errno = EACCES;
	return rc;
}

static void le16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void le32(uint8_t *p, uint32_t v)
{
	le16(p, v & 0xffff);
	le16(p + 2, v >> 16);
}

/*
 * The smallest image there is: an empty folder, in blocks of 4096 bytes. Offsets are those of
 * erofs_super_block (at byte 1024), erofs_inode_extended and erofs_dirent in fs/erofs/erofs_fs.h.
 */
static void print_image(uint8_t image[BLOCK], bool zstd)
{
	enum { SUPER = 1024, CONFIG = SUPER + 128, INODE = CONFIG + 64, NID = INODE / 32 };
	enum { DENTS = INODE + 64, NAMES = 2 * 12 };

	memset(image, 0, BLOCK);
	le32(image + SUPER, 0xE0F5E1E2u);
	image[SUPER + 12] = 12;        /* blkszbits */
	le16(image + SUPER + 14, NID); /* rb.rootnid_2b */
	le16(image + SUPER + 16, 1);   /* inos */
	le32(image + SUPER + 36, 1);   /* blocks_lo */
	if (zstd) {
		le32(image + SUPER + 80, 0x2);    /* feature_incompat: COMPR_CFGS */
		le16(image + SUPER + 84, 1 << 3); /* available_compr_algs: zstd */
		le16(image + CONFIG, 6);
		image[CONFIG + 3] = 7; /* windowlog - 10 */
	}
	le16(image + INODE, 1 | 2 << 1); /* extended, inline */
	le16(image + INODE + 4, S_IFDIR | 0755);
	le32(image + INODE + 8, NAMES + 3);
	le32(image + INODE + 44, 2); /* i_nlink */
	for (unsigned i = 0; i < 2; i++) {
		le32(image + DENTS + 12 * i, NID);
		le16(image + DENTS + 12 * i + 8, NAMES + i);
		image[DENTS + 12 * i + 10] = 2; /* a folder */
	}
	memcpy(image + DENTS + NAMES, "...", 3);
}

/* The road by which the image could be mounted, or an error with errno. */
static int try_image(int folder, bool zstd, enum road want, enum road *ret, struct firn_error *err)
{
	struct erofs_image image = { .want = want };
	uint8_t block[BLOCK];
	_fd_ int made = -1, fd = -1, mount = -1;

	print_image(block, zstd);
	made = scratch(folder, block, err);
	if (made < 0)
		return made;
	fd = reopen(made, err);
	if (fd < 0)
		return fd;
	image.fd = fd;
	mount = erofs_mount(&image, ret, err);
	return mount < 0 ? mount : 0;
}

static void probe_file(int folder, struct features *f)
{
	struct firn_error err = { 0 };
	enum road road;

	errno = 0;
	if (try_image(folder, false, ROAD_FILE, &road, &err) < 0) {
		const enum feature_state state = state_of(errno);

		answer(f, FEATURE_FILE, state, "%s", err.msg);
		answer(f, FEATURE_FILE_DIRECTIO, state, "%s", err.msg);
		return;
	}
	yes(f, FEATURE_FILE);
	if (road == ROAD_FILE_DIRECTIO)
		yes(f, FEATURE_FILE_DIRECTIO);
	else
		answer(f, FEATURE_FILE_DIRECTIO, FEATURE_NO, "the kernel doesn't know the option");
}

static void probe_loop(int folder, struct features *f)
{
	const uint8_t zeros[BLOCK] = { 0 };
	struct firn_error err = { 0 };
	_fd_ int made = scratch(folder, zeros, &err), fd = -1, loop = -1;

	if (made >= 0)
		fd = reopen(made, &err);
	if (fd >= 0)
		loop = loop_attach(fd, &err);
	if (loop >= 0)
		yes(f, FEATURE_LOOP);
	else
		answer(f, FEATURE_LOOP, state_of(errno), "%s", err.msg);
}

/* By the road that is there; whether the image is there is asked of the file system alone. */
static void probe_image(int folder, bool zstd, enum feature which, struct features *f)
{
	struct firn_error err = { 0 };
	enum road road;

	errno = 0;
	if (try_image(folder, zstd, ROAD_ANY, &road, &err) == 0)
		yes(f, which);
	else
		answer(f, which, state_of(errno), "%s", err.msg);
}

/* How two folders are laid over one another. */
struct laying {
	enum feature which;
	const char *add;    /* the key to give them one by one, or NULL */
	const char *join;   /* between them in "lowerdir" */
	const char *option; /* a flag, or NULL */
	const char *metacopy;
};

static int lay(const struct laying *l, const int folders[2], struct firn_error *err)
{
	_fd_ int ctx = fsctx_open("overlay", err), mount = -1;
	char one[FD_PATH_MAX], two[FD_PATH_MAX], both[2 * FD_PATH_MAX + 4];
	int rc = ctx < 0 ? ctx : 0;

	snprintf(both, sizeof(both), "%s%s%s", fd_path(folders[0], one), l->join,
		 fd_path(folders[1], two));
	if (rc == 0 && l->option)
		rc = fsctx_flag(ctx, l->option, err);
	if (rc == 0 && l->metacopy)
		rc = fsctx_string(ctx, "metacopy", l->metacopy, err);
	for (int i = 0; rc == 0 && l->add && i < 2; i++)
		rc = fsctx_fd_path(ctx, l->add, folders[i], err);
	if (rc == 0 && !l->add)
		rc = fsctx_string(ctx, "lowerdir", both, err);
	if (rc == 0)
		rc = mount = fsctx_mount(ctx, MOUNT_ATTR_RDONLY | MOUNT_ATTRS_DATA, err);
	return rc < 0 ? rc : 0;
}

static const struct laying layings[] = {
	{ FEATURE_OVERLAY, NULL, ":", NULL, NULL },
	{ FEATURE_OVERLAY_LOWERS, "lowerdir+", ":", NULL, NULL },
	{ FEATURE_OVERLAY_DATA, NULL, "::", NULL, "on" },
	{ FEATURE_OVERLAY_USER, NULL, ":", "userxattr", NULL },
};

/* Named by the process: what one that was killed has left is used by the next of that number. */
static int scratch_folder(int folder, char which, char name[48], struct firn_error *err)
{
	int fd;

	snprintf(name, 48, ".firn-probe-%d%c", (int)getpid(), which);
	if (mkdirat(folder, name, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make a folder");
	fd = openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : firn_fail_errno(err, "open a folder");
}

static void probe_overlay(int folder, struct features *f)
{
	struct firn_error err = { 0 };
	char names[2][48];
	_fd_ int a = scratch_folder(folder, 'a', names[0], &err);
	_fd_ int b = a < 0 ? -1 : scratch_folder(folder, 'b', names[1], &err);
	const int made = errno;

	for (size_t i = 0; i < ARRAY_SIZE(layings); i++) {
		errno = made;
		if (b >= 0 && lay(&layings[i], (const int[]){ a, b }, &err) == 0)
			yes(f, layings[i].which);
		else
			/* ENOENT: there is no /proc to name them by. */
			answer(f, layings[i].which,
			       b < 0 || errno == ENOENT ? FEATURE_UNKNOWN : state_of(errno), "%s",
			       err.msg);
	}
	if (a >= 0)
		(void)!unlinkat(folder, names[0], AT_REMOVEDIR);
	if (b >= 0)
		(void)!unlinkat(folder, names[1], AT_REMOVEDIR);
}

static void probe_fuse(struct features *f)
{
	_fd_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		yes(f, FEATURE_FUSE);
	else
		no(f, FEATURE_FUSE, "open /dev/fuse");
}

static void probe_reflink(int folder, struct features *f)
{
	const uint8_t zeros[BLOCK] = { 0 };
	struct firn_error err = { 0 };
	_fd_ int from = scratch(folder, zeros, &err);
	_fd_ int to = from < 0 ? -1 : scratch(folder, zeros, &err);

	if (to < 0)
		answer(f, FEATURE_REFLINK, FEATURE_UNKNOWN, "%s", err.msg);
	else if (ioctl(to, FICLONE, from) == 0)
		yes(f, FEATURE_REFLINK);
	else
		no(f, FEATURE_REFLINK, "share blocks between two files");
}

/* To those who aren't root the kernel may leave faults of their own code alone, not of system
 * calls; CRIU needs both. */
static void probe_userfaultfd(struct features *f)
{
	_fd_ int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		yes(f, FEATURE_USERFAULTFD);
	else
		no(f, FEATURE_USERFAULTFD, "userfaultfd");
}

static void probe_verity(int folder, struct features *f)
{
	const uint8_t zeros[BLOCK] = { 0 };
	struct firn_error err = { 0 };
	_fd_ int made = scratch(folder, zeros, &err);
	_fd_ int fd = made < 0 ? -1 : reopen(made, &err);

	/* A file that somebody may still write to can't be sealed. */
	made = fd_close(made);
	if (fd < 0)
		answer(f, FEATURE_VERITY, FEATURE_UNKNOWN, "%s", err.msg);
	else if (verity_seal(fd) == 0)
		yes(f, FEATURE_VERITY);
	else
		no(f, FEATURE_VERITY, "seal a file");
}

void features_probe(int folder, struct features *ret)
{
	memset(ret, 0, sizeof(*ret));
	probe_image(folder, false, FEATURE_EROFS, ret);
	probe_file(folder, ret);
	probe_loop(folder, ret);
	probe_image(folder, true, FEATURE_ZSTD, ret);
	probe_overlay(folder, ret);
	probe_fuse(ret);
	probe_reflink(folder, ret);
	probe_userfaultfd(ret);
	probe_verity(folder, ret);
}

enum road features_road(const struct features *f)
{
	static const struct {
		enum feature feature;
		enum road road;
	} order[] = {
		{ FEATURE_FILE_DIRECTIO, ROAD_FILE_DIRECTIO },
		{ FEATURE_FILE, ROAD_FILE },
		{ FEATURE_LOOP, ROAD_LOOP },
		{ FEATURE_FUSE, ROAD_FUSE },
		{ FEATURE_REFLINK, ROAD_REFLINK },
		{ FEATURE_OVERLAY, ROAD_COPY },
	};
	/* A bundle is an overlay on every road but that of FUSE. */
	const bool mounts = f->of[FEATURE_OVERLAY].state == FEATURE_YES;
	const bool erofs = f->of[FEATURE_EROFS].state == FEATURE_YES;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (f->of[order[i].feature].state == FEATURE_YES &&
		    (mounts || order[i].road == ROAD_FUSE) && (erofs || order[i].road != ROAD_LOOP))
			return order[i].road;
	return ROAD_ANY;
}
