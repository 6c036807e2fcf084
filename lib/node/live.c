/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/live.h"

#include "base/buf.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/folder.h"
#include "base/lock.h"
#include "base/path.h"
#include "bytes/digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_MAX (PATH_MAX + 64)
#define ID_LEN     16
#define SUFFIX     ".mount"

/*
 * Fixed width, so that completing a record overwrites one byte and no kill leaves half of one. The
 * path comes last and may hold any byte.
 */
#define RECORD_HEAD     "firn-mount 2\ncomplete %d\nmade %d\nseveral %d\ndir "
#define RECORD_HEAD_MAX 64

int live_canonical(const char *dir, char **ret, struct firn_error *err)
{
	_free_ char *above = NULL, *parent = NULL;
	size_t len = strlen(dir);
	const char *name;

	*ret = realpath(dir, NULL);
	if (*ret)
		return 0;
	/* A folder that isn't there, or whose server has gone (fuse(4)). */
	if (errno != ENOENT && errno != ENOTCONN)
		return firn_fail_errno(err, "%s", dir);
	while (len > 1 && dir[len - 1] == '/')
		len--;
	above = strndup(dir, len);
	if (!above)
		return firn_fail_oom(err, "path");
	name = path_basename(above);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return firn_fail(err, FIRN_EINVAL, "\"%s\" is no name for a folder", dir);
	name = dir + (name - above);
	above[name - dir] = '\0';
	parent = realpath(*above ? above : ".", NULL);
	if (!parent)
		return firn_fail_errno(err, "%s", *above ? above : ".");
	if (asprintf(ret, "%s/%.*s", strcmp(parent, "/") ? parent : "",
		     (int)(len - (size_t)(name - dir)), name) < 0) {
		*ret = NULL;
		return firn_fail_oom(err, "path");
	}
	return 0;
}

struct live *live_close(struct live *l)
{
	if (!l)
		return NULL;
	/* Whoever waits for the lock sees that the file has no name any more. */
	if (l->fresh)
		unlink(l->fresh);
	free(l->fresh);
	fd_close(l->file);
	free(l->dir);
	free(l->staging);
	free(l);
	return NULL;
}

void live_closep(struct live **l)
{
	*l = live_close(*l);
}

/* What a record says of its folder. */
struct record {
	bool complete, made, several;
	char *dir; /* owned */
};

static void record_done(struct record *r)
{
	free(r->dir);
}

static int print_head(const struct record *r, char ret[RECORD_HEAD_MAX])
{
	return snprintf(ret, RECORD_HEAD_MAX, RECORD_HEAD, r->complete, r->made, r->several);
}

/* Where the path begins, or NULL for an empty record or one that was killed while it was written:
 * nothing was mounted yet. */
static const char *parse_record(char *text, size_t len, struct record *r)
{
	char head[RECORD_HEAD_MAX];

	for (unsigned bits = 0; bits < 8; bits++) {
		const struct record try = { bits & 1, bits & 2, bits & 4, NULL };
		int n = print_head(&try, head);

		if (strncmp(text, head, (size_t)n) != 0 || text[n] != '/' || text[len - 1] != '\n')
			continue;
		text[len - 1] = '\0';
		*r = try;
		return text + n;
	}
	return NULL;
}

/* 1 and the record, 0 when there is nothing in it. */
static int read_record(int file, struct record *ret, struct firn_error *err)
{
	_free_ char *text = NULL;
	const char *dir;
	size_t len;
	int rc;

	if (lseek(file, 0, SEEK_SET) < 0)
		return firn_fail_errno(err, "read the record");
	rc = fd_read_all(file, RECORD_MAX, &text, &len, err);
	if (rc < 0)
		return rc;
	dir = parse_record(text, len, ret);
	if (!dir)
		return 0;
	ret->dir = strdup(dir);
	return ret->dir ? 1 : firn_fail_oom(err, "record");
}

static int write_record(struct live *l, struct firn_error *err)
{
	const struct record r = { l->complete, l->made, l->several, NULL };
	_buf_ struct buf text = BUF_INIT;
	char head[RECORD_HEAD_MAX];
	int rc;

	print_head(&r, head);
	buf_printf(&text, "%s%s\n", head, l->dir);
	rc = buf_check(&text, err);
	if (rc == 0 && FAULT_POINT("mount.record"))
		rc = firn_fail_errno(err, "write");
	if (rc == 0)
		rc = fd_pwrite(l->file, text.data, text.len, 0, err);
	if (rc == 0 && ftruncate(l->file, (off_t)text.len) < 0)
		rc = firn_fail_errno(err, "write");
	return firn_wrap(err, rc, "record of %s", l->dir);
}

/* 1 the locked record, 0 when it was removed meanwhile, or an error. */
static int lock_record(const char *path, enum live_how how, struct live *l, struct firn_error *err)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
	_fd_ int file = open(path, flags);
	bool fresh = false;
	struct stat st;
	int rc;

	if (file < 0 && errno == ENOENT) {
		if (how == LIVE_FIND)
			return firn_fail(err, FIRN_ENOTFOUND, "firn has mounted nothing on %s",
					 l->dir);
		file = open(path, flags | O_CREAT | O_EXCL, 0600);
		fresh = file >= 0;
		if (file < 0 && errno == EEXIST)
			return 0;
	}
	if (file < 0)
		return firn_fail_errno(err, "record of %s", l->dir);
	rc = lock_wait(file, LOCK_EXCLUSIVE, LIVE_SECONDS, err);
	if (rc < 0)
		return firn_wrap(err, rc, "another firn works on %s", l->dir);
	if (fstat(file, &st) < 0)
		return firn_fail_errno(err, "record of %s", l->dir);
	if (st.st_nlink == 0)
		return 0;
	l->fresh = fresh ? strdup(path) : NULL;
	l->file = take_fd(&file);
	return 1;
}

static int open_record(const char *path, enum live_how how, struct live *l, struct firn_error *err)
{
	_cleanup_(record_done) struct record r = { .dir = NULL };
	int rc;

	do {
		rc = lock_record(path, how, l, err);
	} while (rc == 0);
	if (rc > 0)
		rc = read_record(l->file, &r, err);
	if (rc <= 0)
		return rc;
	if (strcmp(r.dir, l->dir) != 0)
		return firn_fail(err, FIRN_EFAIL, "record of %s is that of %s", l->dir, r.dir);
	l->mounted = true;
	l->complete = r.complete;
	l->made = r.made;
	l->several = r.several;
	return 0;
}

int live_open(const char *state, const char *dir, enum live_how how, struct live **ret,
	      struct firn_error *err)
{
	_cleanup_(live_closep) struct live *l = calloc(1, sizeof(*l));
	_free_ char *folder_path = NULL;
	_buf_ struct buf name = BUF_INIT;
	char hex[DIGEST_TEXT_MAX];
	_fd_ int folder = -1;
	struct digest d;
	int rc;

	if (!l)
		return firn_fail_oom(err, "record");
	l->file = -1;
	state = state ? state : LIVE_STATE;
	l->dir = strdup(dir);
	if (!l->dir)
		return firn_fail_oom(err, "record");
	if (how == LIVE_FIND && access(state, F_OK) < 0 && errno == ENOENT)
		return firn_fail(err, FIRN_ENOTFOUND, "firn has mounted nothing on %s", dir);
	folder = folder_make_private(state, 0700, err);
	if (folder < 0)
		return folder;
	folder_path = realpath(state, NULL);
	if (!folder_path)
		return firn_fail_errno(err, "%s", state);
	rc = digest_of(dir, strlen(dir), &d, err);
	if (rc < 0)
		return rc;
	buf_printf(&name, "%s/%.*s", folder_path, ID_LEN, digest_hex(&d, hex));
	l->staging = buf_steal(&name);
	if (!l->staging)
		return firn_fail_oom(err, "record");
	buf_printf(&name, "%s" SUFFIX, l->staging);
	rc = buf_check(&name, err);
	if (rc == 0)
		rc = open_record((const char *)name.data, how, l, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&l);
	return 0;
}

int live_begin(struct live *l, enum live_what what, bool made, struct firn_error *err)
{
	int rc;

	free(l->fresh);
	l->fresh = NULL;
	l->mounted = true;
	l->complete = false;
	l->made = made;
	l->several = what == LIVE_SEVERAL;
	rc = write_record(l, err);
	if (rc < 0)
		return rc;
	if (mkdir(l->staging, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make %s", l->staging);
	return 0;
}

int live_complete(struct live *l, struct firn_error *err)
{
	int rc;

	l->complete = true;
	rc = write_record(l, err);
	if (rc == 0 && rmdir(l->staging) < 0)
		rc = firn_fail_errno(err, "remove %s", l->staging);
	return rc;
}

int live_end(struct live *l, struct firn_error *err)
{
	if (rmdir(l->staging) < 0 && errno != ENOENT)
		return firn_fail_errno(err, "remove %s", l->staging);
	/* The user may have put something into the folder, or taken it away. */
	if (l->made)
		(void)!rmdir(l->dir);
	if (ftruncate(l->file, 0) < 0)
		return firn_fail_errno(err, "record of %s", l->dir);
	l->mounted = l->complete = l->made = l->several = false;
	return 0;
}

static int each_record(int folder, const char *name,
		       int (*each)(const char *dir, void *ctx, struct firn_error *err), void *ctx,
		       struct firn_error *err)
{
	_fd_ int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_(record_done) struct record r = { .dir = NULL };
	int rc;

	if (file < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "open %s", name);
	rc = read_record(file, &r, err);
	return rc <= 0 ? rc : each(r.dir, ctx, err);
}

int live_each(const char *state, int (*each)(const char *dir, void *ctx, struct firn_error *err),
	      void *ctx, struct firn_error *err)
{
	struct dirent *e;
	DIR *folder;
	int rc = 0;

	folder = opendir(state ? state : LIVE_STATE);
	if (!folder)
		return errno == ENOENT
			   ? 0
			   : firn_fail_errno(err, "open %s", state ? state : LIVE_STATE);
	while (rc == 0 && (e = readdir(folder))) {
		size_t len = strlen(e->d_name);

		if (len == ID_LEN + strlen(SUFFIX) && strcmp(e->d_name + ID_LEN, SUFFIX) == 0)
			rc = each_record(dirfd(folder), e->d_name, each, ctx, err);
	}
	closedir(folder);
	return rc;
}
