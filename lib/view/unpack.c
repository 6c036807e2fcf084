/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/unpack.h"

#include "base/fault.h"
#include "base/fd.h"
#include "base/path.h"
#include "format/erofs_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define CHUNK_BYTES    (256u << 10)
#define BLOCK_BYTES    4096u /* what our own layers align contents to */
#define PROGRESS_STEPS 100

/* The folder that is being filled, and how far the whole tree is. */
struct unpacking {
	struct tree *tree;
	const struct unpack_source *src;
	int top; /* borrowed */
	int dir; /* where the next node goes */
	enum road road;
	uint8_t *chunk;
	uint64_t done, told, total; /* bytes of contents */
};

static void unpacking_done(struct unpacking *u)
{
	fd_close(u->dir);
	free(u->chunk);
}

static void tell(struct unpacking *u, uint64_t more)
{
	const struct firn_report *r = u->src->report;
	struct firn_progress p = { .what = u->src->what, .total = u->total };

	u->done += more;
	if (!r || !r->progress)
		return;
	if (u->done != u->total && u->done - u->told < u->total / PROGRESS_STEPS + CHUNK_BYTES)
		return;
	u->told = p.done = u->done;
	r->progress(&p, r->ctx);
}

/* The content of a hard link is its target's. */
static struct node *content_of(struct node *n)
{
	return n->link ? n->link : n;
}

/* Names are reached by way of the open folder: xattrs of symbolic links have no other call. */
struct place {
	char path[FD_PATH_MAX + PATH_NAME_MAX + 2];
};

static const char *place_of(int dir, const char *name, struct place *ret)
{
	char folder[FD_PATH_MAX];

	snprintf(ret->path, sizeof(ret->path), "%s/%s", fd_path(dir, folder), name);
	return ret->path;
}

static int set_xattr(const char *path, uint32_t mode, const char *name, const void *value,
		     size_t len, struct firn_error *err)
{
	if (lsetxattr(path, name, value, len, 0) == 0)
		return 0;
	/* The kernel shows these to nobody, wherever they are stored (xattr(7)). */
	if (errno == EPERM && !S_ISREG(mode) && !S_ISDIR(mode) && strncmp(name, "user.", 5) == 0)
		return 0;
	return firn_fail_errno(err, "xattr %s", name);
}

static int set_xattrs(const char *path, const struct node *n, struct firn_error *err)
{
	int rc = 0;

	for (const struct xattr *x = n->xattrs; rc == 0 && x; x = x->next)
		if (!erofs_xattr_hidden(n, x))
			rc = set_xattr(path, n->mode, x->name, x->value, x->len, err);
	if (rc == 0 && n->opaque)
		rc = set_xattr(path, n->mode, EROFS_OPAQUE, "y", 1, err);
	return rc;
}

/* A new owner takes capabilities and setuid bits away, so he comes first; the time comes last. */
static int dress(const struct unpacking *u, const char *name, const struct node *n,
		 struct firn_error *err)
{
	const struct timespec time = { .tv_sec = n->mtime, .tv_nsec = (long)n->mtime_ns };
	struct place place;
	const char *path = place_of(u->dir, name, &place);
	int rc;

	if (lchown(path, n->uid, n->gid) < 0)
		return firn_fail_errno(err, "set the owner");
	rc = set_xattrs(path, n, err);
	if (rc < 0)
		return rc;
	if (!S_ISLNK(n->mode) && chmod(path, n->mode & 07777) < 0)
		return firn_fail_errno(err, "set the mode");
	if (utimensat(AT_FDCWD, path, (const struct timespec[]){ time, time },
		      AT_SYMLINK_NOFOLLOW) < 0)
		return firn_fail_errno(err, "set the time");
	return 0;
}

/* Whole blocks of the content, shared. How many bytes came that way. */
static uint64_t share(struct unpacking *u, const struct node *n, int out)
{
	struct file_clone_range range = {
		.src_fd = u->src->fd,
		.src_offset = n->offset,
		.src_length = n->size & ~(uint64_t)(BLOCK_BYTES - 1),
	};

	if (u->road == ROAD_COPY || !range.src_length || n->offset % BLOCK_BYTES)
		return 0;
	if (ioctl(out, FICLONERANGE, &range) == 0) {
		u->road = ROAD_REFLINK;
		tell(u, range.src_length);
		return range.src_length;
	}
	/* What can't be done with the first file can't be done with the others. */
	if (u->road == ROAD_ANY)
		u->road = ROAD_COPY;
	return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* The runs of @chunk that aren't zeros, block by block, at @at of @out. */
static int put_chunk(const uint8_t *chunk, size_t n, int out, uint64_t at, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0, end; rc == 0 && i < n; i = end) {
		size_t from = i;

		for (end = i; end < n; end = end + BLOCK_BYTES < n ? end + BLOCK_BYTES : n)
			if (is_zero(chunk + end, n - end < BLOCK_BYTES ? n - end : BLOCK_BYTES))
				break;
		if (end == from) {
			end = from + BLOCK_BYTES < n ? from + BLOCK_BYTES : n;
			continue;
		}
		rc = fd_pwrite(out, chunk + from, end - from, at + from, err);
	}
	return rc;
}

static int put_content(struct unpacking *u, const struct node *n, int out, struct firn_error *err)
{
	uint64_t at = share(u, n, out);
	int rc = 0;

	for (size_t want; rc == 0 && at < n->size; at += want) {
		ssize_t got;

		want = n->size - at < CHUNK_BYTES ? (size_t)(n->size - at) : CHUNK_BYTES;
		got = fd_pread(u->src->fd, u->chunk, want, n->offset + at, err);
		if (got < 0)
			return (int)got;
		if ((size_t)got < want)
			return firn_fail(err, FIRN_ECORRUPT, "its content ends early");
		rc = put_chunk(u->chunk, want, out, at, err);
		tell(u, want);
	}
	if (rc == 0 && ftruncate(out, (off_t)n->size) < 0)
		return firn_fail_errno(err, "set the size");
	return rc;
}

static int make_file(struct unpacking *u, const char *name, const struct node *n,
		     struct firn_error *err)
{
	_fd_ int out = -1;

	if (!FAULT_POINT("unpack.file"))
		out = openat(u->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			     0600);
	if (out < 0)
		return firn_fail_errno(err, "make it");
	return put_content(u, n, out, err);
}

/* Under @name what @n is; for a hard link that is its target, which has no name of its own yet. */
static int make_content(struct unpacking *u, const char *name, const struct node *n,
			struct firn_error *err)
{
	const mode_t type = n->whiteout ? S_IFCHR : n->mode & S_IFMT;
	const dev_t dev = n->whiteout ? makedev(0, 0) : makedev(n->major, n->minor);
	int rc = 0;

	if (type == S_IFREG)
		rc = make_file(u, name, n, err);
	else if (type == S_IFLNK && symlinkat(n->target, u->dir, name) < 0)
		rc = firn_fail_errno(err, "make the link");
	else if (type != S_IFLNK && mknodat(u->dir, name, type | 0600, dev) < 0)
		rc = firn_fail_errno(err, n->whiteout ? "make a whiteout" : "make it");
	return rc < 0 || n->whiteout ? rc : dress(u, name, n, err);
}

/* The first name of a content makes it; its .pos remembers the node for the others. */
static int make_node(struct unpacking *u, struct node *n, struct firn_error *err)
{
	struct node *content = content_of(n);
	const struct node *first = (const struct node *)(uintptr_t)content->pos;
	_free_ char *path = NULL;
	int rc;

	if (!first) {
		content->pos = (uintptr_t)n;
		return make_content(u, n->name, content, err);
	}
	rc = tree_path(first, &path, err);
	if (rc < 0)
		return rc;
	if (linkat(u->top, path, u->dir, n->name, 0) < 0)
		return firn_fail_errno(err, "link it");
	return 0;
}

static int go_to(struct unpacking *u, const char *name, struct firn_error *err)
{
	int fd = openat(u->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return firn_fail_errno(err, "open folder");
	fd_close(u->dir);
	u->dir = fd;
	return 0;
}

static int enter(struct unpacking *u, const struct node *n, struct firn_error *err)
{
	if (mkdirat(u->dir, n->name, 0700) < 0)
		return firn_fail_errno(err, "make folder");
	return go_to(u, n->name, err);
}

/* Its attributes last: making things in it would change its time. */
static int leave(struct unpacking *u, const struct node *n, struct firn_error *err)
{
	int rc = dress(u, ".", n, err);

	return rc < 0 || n == u->tree->root ? rc : go_to(u, "..", err);
}

static int wrap_node(struct firn_error *err, int rc, const struct node *n)
{
	char quoted[PATH_QUOTE_MAX];

	return rc < 0 ? firn_wrap(err, rc, "entry %s", path_quote(n->name, quoted)) : rc;
}

/* Behind @n: leave the folders that end there. *ret is NULL after the root. */
static int advance(struct unpacking *u, struct node *n, struct node **ret, struct firn_error *err)
{
	if (n->children) {
		*ret = n->children;
		return 0;
	}
	for (;;) {
		int rc = S_ISDIR(n->mode) ? leave(u, n, err) : 0;

		if (rc < 0)
			return wrap_node(err, rc, n);
		if (n == u->tree->root || n->next) {
			*ret = n == u->tree->root ? NULL : n->next;
			return 0;
		}
		n = n->parent;
	}
}

static int write_all(struct unpacking *u, struct firn_error *err)
{
	struct node *n = u->tree->root;
	int rc = 0;

	while (rc == 0 && n) {
		if (n != u->tree->root)
			rc = S_ISDIR(n->mode) ? enter(u, n, err) : make_node(u, n, err);
		if (rc < 0)
			return wrap_node(err, rc, n);
		rc = advance(u, n, &n, err);
	}
	return rc;
}

/* Contents that only hard links lead to are in no folder any more. */
static void prepare(struct unpacking *u)
{
	struct tree *t = u->tree;

	for (struct node *n = t->root; n; n = tree_next(t, n))
		content_of(n)->pos = n->pos = 0;
	for (struct node *n = t->root; n; n = tree_next(t, n)) {
		struct node *content = content_of(n);

		if (S_ISREG(content->mode) && !content->pos)
			u->total += content->size;
		content->pos = 1;
	}
	for (struct node *n = t->root; n; n = tree_next(t, n))
		content_of(n)->pos = 0;
}

int unpack_tree(struct tree *tree, const struct unpack_source *src, int top, enum road *ret_road,
		struct firn_error *err)
{
	_cleanup_(unpacking_done) struct unpacking u = {
		.tree = tree, .src = src, .top = top, .dir = -1
	};
	int rc;

	u.chunk = malloc(CHUNK_BYTES);
	if (!u.chunk)
		return firn_fail_oom(err, "unpack");
	u.dir = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u.dir < 0)
		return firn_fail_errno(err, "open folder");
	prepare(&u);
	rc = write_all(&u, err);
	if (rc == 0)
		*ret_road = u.road == ROAD_REFLINK ? ROAD_REFLINK : ROAD_COPY;
	return rc;
}
