/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/found.h"

#include "base/fd.h"
#include "base/path.h"
#include "serve/served.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#define LINKS_MAX 40 /* that a path leads through: MAXSYMLINKS of the kernel */

void found_done(struct found *f)
{
	fd_close(f->fd);
	*f = (struct found)FOUND_NONE;
}

/* Where openat2 is refused: CRIU's own paths have no symbolic links in them. */
static int open_plain(int root, const char *path, int *ret, struct firn_error *err)
{
	int fd = path_open_beneath(root, path, O_PATH, 0, err);

	if (fd < 0 && errno == EACCES)
		return FOUND_DENIED;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG ? 0 : fd;
	*ret = fd;
	return 1;
}

int found_open_at(int root, const char *path, struct found *ret, struct firn_error *err)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	char quoted[PATH_QUOTE_MAX];
	int fd, rc = 1;

	path += strspn(path, "/");
	fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		rc = open_plain(root, path, &fd, err);
	else if (fd < 0 &&
		 (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG))
		rc = 0;
	else if (fd < 0 && errno == EACCES)
		rc = FOUND_DENIED;
	else if (fd < 0)
		rc = firn_fail_errno(err, "open %s", path_quote(path, quoted));
	if (rc == 1)
		*ret = (struct found){ .fd = fd };
	return rc;
}

/* A path on its way through a tree. */
struct way {
	const struct served *tree;
	const struct node *top, *at;
	char left[PATH_MAX]; /* what is still to be gone; after a step it begins with a slash */
	unsigned links;
};

/* The symbolic link @link stands in the way: its target comes before what is left. False: too much.
 */
static bool turn(struct way *w, const struct node *link)
{
	char path[PATH_MAX];

	if (++w->links > LINKS_MAX || !link->target ||
	    snprintf(path, sizeof(path), "%s%s", link->target, w->left) >= (int)sizeof(path))
		return false;
	memcpy(w->left, path, sizeof(path));
	if (*link->target == '/')
		w->at = w->top;
	return true;
}

/* The component @name: false when there is none. */
static bool step(struct way *w, const char *name)
{
	struct node *n;

	if (!S_ISDIR(w->at->mode))
		return false;
	if (strcmp(name, ".") == 0)
		return true;
	if (strcmp(name, "..") == 0) {
		w->at = w->at == w->top ? w->top : w->at->parent;
		return true;
	}
	n = tree_child(w->tree->tree, w->at, name);
	n = n ? served_content(n) : NULL;
	if (!n || n->whiteout)
		return false;
	if (S_ISLNK(n->mode))
		return turn(w, n);
	w->at = n;
	return true;
}

static int open_in_tree(const struct check_input *in, const char *path, struct found *ret)
{
	struct way w = { .tree = in->tree, .top = tree_find(in->tree->tree, in->tree_at) };
	char name[NAME_MAX + 1];

	w.at = w.top;
	if (!w.top || strlen(path) >= sizeof(w.left))
		return 0;
	strcpy(w.left, path);
	for (;;) {
		const size_t skip = strspn(w.left, "/"), len = strcspn(w.left + skip, "/");
		const bool folder = w.left[skip + len] == '/';

		if (len == 0)
			break;
		if (len > NAME_MAX)
			return 0;
		memcpy(name, w.left + skip, len);
		name[len] = '\0';
		memmove(w.left, w.left + skip + len, strlen(w.left + skip + len) + 1);
		if (!step(&w, name) || (folder && !S_ISDIR(w.at->mode)))
			return 0;
	}
	*ret = (struct found){ .fd = -1, .tree = in->tree, .node = w.at };
	return 1;
}

int found_open(const struct check_input *in, const char *path, struct found *ret,
	       struct firn_error *err)
{
	return in->tree ? open_in_tree(in, path, ret) : found_open_at(in->rootfs, path, ret, err);
}

/* The names on the way up to @top, if it gets there. */
static char *name_in_tree(const struct node *top, const struct node *n)
{
	char path[PATH_MAX];
	size_t at = sizeof(path) - 1;

	path[at] = '\0';
	for (; n && n != top; n = n->parent) {
		const size_t len = strlen(n->name);

		if (n->parent == n || len + 1 > at)
			return NULL;
		at -= len;
		memcpy(path + at, n->name, len);
		path[--at] = '/';
	}
	return n ? strdup(path[at] ? path + at : "/") : NULL;
}

static char *name_below(int root, int fd)
{
	char link[FD_PATH_MAX], top[PATH_MAX], name[PATH_MAX];
	ssize_t n = readlink(fd_path(root, link), top, sizeof(top) - 1);
	ssize_t m = readlink(fd_path(fd, link), name, sizeof(name) - 1);

	if (n <= 0 || m <= 0)
		return NULL;
	top[n] = name[m] = '\0';
	if (n == 1)
		return strdup(name);
	if (strncmp(name, top, (size_t)n) != 0 || (name[n] && name[n] != '/'))
		return NULL;
	return strdup(name[n] ? name + n : "/");
}

char *found_name(const struct check_input *in, const struct found *f)
{
	return in->tree ? name_in_tree(tree_find(in->tree->tree, in->tree_at), f->node)
			: name_below(in->rootfs, f->fd);
}

int found_stat(const struct found *f, struct stat *ret, struct firn_error *err)
{
	if (!f->node)
		return fstat(f->fd, ret) < 0 ? firn_fail_errno(err, "stat") : 0;
	*ret = (struct stat){ .st_mode = f->node->mode, .st_size = (off_t)f->node->size };
	return 0;
}

static bool is_read_only(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

bool found_is_read_only(const struct found *f)
{
	return !f->node && is_read_only(f->fd);
}

bool found_root_is_read_only(const struct check_input *in)
{
	return !in->tree && is_read_only(in->rootfs);
}

/* A file that its source closes. */
struct opened {
	struct source source;
	struct source *file;
	int fd;
};

static ssize_t opened_pread(struct source *src, void *buf, size_t n, uint64_t at,
			    struct firn_error *err)
{
	return source_pread(((struct opened *)src)->file, buf, n, at, err);
}

static void opened_close(struct source *src)
{
	struct opened *o = (struct opened *)src;

	source_close(o->file);
	fd_close(o->fd);
	free(o);
}

struct source *found_content(const struct found *f)
{
	static const struct source_ops ops = { opened_pread, opened_close };
	_cleanup_(source_closep) struct source *file = NULL;
	char path[FD_PATH_MAX];
	_fd_ int fd = -1;
	struct opened *o;

	if (f->node)
		return S_ISREG(f->node->mode) &&
			       served_open_file(f->tree, f->node, &file, NULL) == 0
			   ? take_ptr(&file)
			   : NULL;
	fd = open(fd_path(f->fd, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	o = fd >= 0 && source_from_fd(fd, &file, NULL) == 0 ? calloc(1, sizeof(*o)) : NULL;
	if (!o)
		return NULL;
	o->source = (struct source){ &ops, file->size };
	o->file = take_ptr(&file);
	o->fd = take_fd(&fd);
	return &o->source;
}
