/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/upper.h"

#include "base/fd.h"
#include "base/path.h"
#include "ingest/upper_attrs.h"
#include "ingest/upper_links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

/* The tree on its way into the layer. */
struct upper {
	struct delta *d;
	int root;
	struct upper_attrs attrs;
	struct upper_links links;
	uint64_t read; /* payload bytes so far */
	/* The entry that is looked at. */
	char path[PATH_MEMBER_MAX + 1]; /* below the root */
	struct istream payload;
	int file;
	uint64_t left;
};

static int changed(const struct upper *u, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, FIRN_EBUSY, "%s: changes while it is read",
			 path_quote(u->path, quoted));
}

int upper_open(const char *path, struct firn_error *err)
{
	_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char quoted[PATH_QUOTE_MAX];
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return firn_fail_errno(err, "upper directory %s", path_quote(path, quoted));
	if (fs.f_type == OVERLAYFS_SUPER_MAGIC)
		return firn_fail(err, FIRN_EINVAL,
				 "upper directory %s: is a mounted overlay, which shows all layers "
				 "as one",
				 path_quote(path, quoted));
	return take_fd(&fd);
}

/* The entry at u->path: a descriptor that opens nothing yet, and what it is. */
static int look(const struct upper *u, struct stat *ret, struct firn_error *err)
{
	_fd_ int fd = path_open_inside(u->root, u->path, O_PATH | O_NOFOLLOW, err);
	char quoted[PATH_QUOTE_MAX];

	if (fd == -FIRN_ENOTFOUND)
		return changed(u, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, ret) < 0)
		return firn_fail_errno(err, "stat %s", path_quote(u->path, quoted));
	return take_fd(&fd);
}

/* Open what look() found, and nothing that took its place since. */
static int reopen(const struct upper *u, int fd, int flags, struct firn_error *err)
{
	char of[FD_PATH_MAX], quoted[PATH_QUOTE_MAX];
	const int file = open(fd_path(fd, of), O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);

	return file >= 0 ? file : firn_fail_errno(err, "open %s", path_quote(u->path, quoted));
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whatever is done to a file or folder sets its ctime. */
static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

static struct layer_entry entry_of(const struct upper *u, const struct stat *st)
{
	return (struct layer_entry){
		.path = u->path,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.xattrs = u->attrs.xattrs,
	};
}

static ssize_t payload_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct upper *u = (struct upper *)((char *)in - offsetof(struct upper, payload));
	const ssize_t got = fd_read(u->file, buf, n, err);

	if (got > 0) {
		u->read += (size_t)got;
		u->left -= (size_t)got;
		notes_progress(u->d->notes, u->path, u->read, 0);
	}
	if (got >= 0 && (size_t)got < n && u->left)
		return changed(u, err);
	return got;
}

static void payload_close(struct istream *in)
{
	(void)in; /* lives in its struct upper */
}

static const struct istream_ops payload_ops = { .read = payload_read, .close = payload_close };

/* Another name of a file that the layer has already: 1, or 0 when it is the first. */
static int add_link(struct upper *u, const struct stat *st, struct firn_error *err)
{
	const struct node *first =
	    st->st_nlink > 1 ? upper_links_find(&u->links, st->st_ino) : NULL;
	struct layer_entry e = { .path = u->path, .hardlink = true };
	_free_ char *target = NULL;
	int rc = first ? tree_path(first, &target, err) : 0;

	if (rc < 0 || !first)
		return rc;
	e.target = target;
	rc = layer_out_add(&u->d->out, &e, NULL, err);
	return rc < 0 ? rc : 1;
}

static int add_file(struct upper *u, int fd, const struct stat *st, struct firn_error *err)
{
	struct layer_entry e = entry_of(u, st);
	char quoted[PATH_QUOTE_MAX];
	_fd_ int file = -1;
	struct stat after;
	int rc = add_link(u, st, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = file = reopen(u, fd, O_NONBLOCK, err);
	if (rc < 0)
		return rc;
	e.size = u->left = (uint64_t)st->st_size;
	u->file = file;
	u->payload.ops = &payload_ops;
	rc = layer_out_add(&u->d->out, &e, &u->payload, err);
	if (rc < 0)
		return rc;
	if (fstat(file, &after) < 0)
		return firn_fail_errno(err, "stat %s", path_quote(u->path, quoted));
	if (!is_same(st, &after))
		return changed(u, err);
	if (st->st_nlink == 1)
		return 0;
	return upper_links_add(&u->links, st->st_ino, layer_out_find(&u->d->out, u->path), err);
}

static int add_symlink(struct upper *u, int fd, const struct stat *st, struct firn_error *err)
{
	struct layer_entry e = entry_of(u, st);
	char target[PATH_MEMBER_MAX + 2], quoted[PATH_QUOTE_MAX];
	const ssize_t len = readlinkat(fd, "", target, sizeof(target) - 1);

	if (len < 0)
		return firn_fail_errno(err, "read %s", path_quote(u->path, quoted));
	target[len] = '\0';
	e.target = target;
	return layer_out_add(&u->d->out, &e, NULL, err);
}

static int add_whiteout(struct upper *u, struct firn_error *err)
{
	const struct layer_entry e = { .path = u->path, .whiteout = true };

	return layer_out_add(&u->d->out, &e, NULL, err);
}

/* What the image has in its place is not what the container had. */
static int add_socket(struct upper *u, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = notes_loss(u->d->notes, err, "socket %s is left out: layers can't hold sockets",
			    path_quote(u->path, quoted));

	return rc < 0 ? rc : add_whiteout(u, err);
}

/* Anything but a folder. @whiteouts: an empty file may be one. */
static int add_other(struct upper *u, int fd, const struct stat *st, bool whiteouts,
		     struct firn_error *err)
{
	struct layer_entry e;

	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		if (whiteouts && st->st_size == 0 && (u->attrs.marks & UPPER_WHITEOUT))
			return add_whiteout(u, err);
		return add_file(u, fd, st, err);
	case S_IFLNK:
		return add_symlink(u, fd, st, err);
	case S_IFSOCK:
		return add_socket(u, err);
	case S_IFCHR:
		if (st->st_rdev == 0)
			return add_whiteout(u, err);
		break;
	}
	e = entry_of(u, st);
	return layer_out_add(&u->d->out, &e, NULL, err);
}

struct names {
	char **list;
	size_t count, room;
};

static void names_done(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i]);
	free(n->list);
}

static int names_add(struct names *n, const char *name, struct firn_error *err)
{
	if (n->count >= TREE_NODES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u files", TREE_NODES_MAX);
	if (n->count == n->room) {
		const size_t room = n->room ? 2 * n->room : 32;
		char **more = reallocarray(n->list, room, sizeof(*more));

		if (!more)
			return firn_fail_oom(err, "names");
		n->list = more;
		n->room = room;
	}
	n->list[n->count] = strdup(name);
	if (!n->list[n->count])
		return firn_fail_oom(err, "names");
	n->count++;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* What is in the folder @fd (of look()), sorted. */
static int list(const struct upper *u, int fd, struct names *ret, struct firn_error *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char quoted[PATH_QUOTE_MAX];
	const struct dirent *e;
	_fd_ int folder = reopen(u, fd, O_DIRECTORY, err);
	int rc = 0;

	if (folder < 0)
		return folder;
	dir = fdopendir(folder);
	if (!dir)
		return firn_fail_errno(err, "read %s", path_quote(u->path, quoted));
	take_fd(&folder);
	while (rc >= 0 && (errno = 0, e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = names_add(ret, e->d_name, err);
	if (rc >= 0 && errno)
		return firn_fail_errno(err, "read %s", path_quote(u->path, quoted));
	if (ret->count)
		qsort(ret->list, ret->count, sizeof(*ret->list), compare_names);
	return rc;
}

static int walk(struct upper *u, bool whiteouts, unsigned depth, struct firn_error *err);

/* All that is in the folder at u->path, by name. @whiteouts: as add_other(). */
static int walk_names(struct upper *u, const struct names *n, bool whiteouts, unsigned depth,
		      struct firn_error *err)
{
	const size_t len = strlen(u->path), room = sizeof(u->path) - len;
	char quoted[PATH_QUOTE_MAX];
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < n->count; i++) {
		if (snprintf(u->path + len, room, "%s%s", len ? "/" : "", n->list[i]) < (int)room)
			rc = walk(u, whiteouts, depth + 1, err);
		else
			rc = firn_fail(err, FIRN_ELIMIT, "%s: is longer than %d bytes",
				       path_quote(u->path, quoted), PATH_MEMBER_MAX);
		u->path[len] = '\0';
	}
	return rc;
}

/*
 * What is in the folder that look() found, if it is still the same after that. Takes @fd: a tree
 * may be deeper than there are descriptors.
 */
static int walk_folder(struct upper *u, int fd, const struct stat *before, unsigned depth,
		       struct firn_error *err)
{
	const bool whiteouts = u->attrs.marks & UPPER_WHITEOUTS;
	_cleanup_(names_done) struct names n = { .list = NULL };
	char quoted[PATH_QUOTE_MAX];
	_fd_ int again = -1;
	struct stat after;
	int rc;

	if (depth > PATH_MEMBER_DEPTH)
		rc = firn_fail(err, FIRN_ELIMIT, "%s: deeper than %d folders",
			       path_quote(u->path, quoted), PATH_MEMBER_DEPTH);
	else
		rc = list(u, fd, &n, err);
	fd_close(fd);
	if (rc >= 0)
		rc = walk_names(u, &n, whiteouts, depth, err);
	if (rc >= 0)
		rc = again = look(u, &after, err);
	if (rc < 0)
		return rc;
	return is_same(before, &after) ? 0 : changed(u, err);
}

static int walk(struct upper *u, bool whiteouts, unsigned depth, struct firn_error *err)
{
	struct layer_entry e;
	_fd_ int fd = -1;
	struct stat st;
	int rc = fd = look(u, &st, err);

	if (rc < 0 || (rc = upper_attrs_read(&u->attrs, fd, u->path, err)) < 0)
		return rc;
	if (!S_ISDIR(st.st_mode))
		return add_other(u, fd, &st, whiteouts, err);
	e = entry_of(u, &st);
	/* The root of all layers hides nothing, whatever it says. */
	e.opaque = *u->path && (u->attrs.marks & UPPER_OPAQUE);
	rc = layer_out_add(&u->d->out, &e, NULL, err);
	return rc < 0 ? rc : walk_folder(u, take_fd(&fd), &st, depth, err);
}

static int note_untrusted(struct upper *u, struct firn_error *err)
{
	if (upper_attrs_trusted())
		return 0;
	return notes_loss(
	    u->d->notes, err,
	    "the upper directory was read without the right to see trusted.* "
	    "attributes: a folder that was removed and made again may show old files");
}

static void upper_done(struct upper **u)
{
	if (!*u)
		return;
	upper_attrs_done(&(*u)->attrs);
	upper_links_done(&(*u)->links);
	free(*u);
}

int delta_from_upper(struct delta *d, int upper, struct firn_error *err)
{
	_cleanup_(upper_done) struct upper *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return firn_fail_oom(err, "upper directory");
	u->d = d;
	u->root = upper;
	d->notes->told = 0; /* what is counted now is something else */
	if ((rc = upper_attrs_open(&u->attrs, d->notes, err)) < 0 ||
	    (rc = note_untrusted(u, err)) < 0 || (rc = walk(u, false, 0, err)) < 0)
		return rc;
	notes_progress_end(d->notes, "upper directory", u->read);
	return 0;
}
