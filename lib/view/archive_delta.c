/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/archive_private.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"
#include "format/deleted.h"
#include "view/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* An EROFS layer shows these, an overlay hides them; what they mean is the base's own business. */
#define OVERLAY_XATTRS "trusted.overlay."

static void _printf_(2, 3) warn(const struct firn_report *report, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!report || !report->warn)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report->warn(text, report->ctx);
}

/* The folder @path of the mounted base image, or -1. */
static int open_base(const struct archive_base *base, const char *path)
{
	return path_open_beneath(base->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, NULL);
}

/* 1 and the folder @path of a base image that is a tree, or 0. */
static int find_base(const struct archive_base *base, const char *path, const struct node **ret,
		     struct firn_error *err)
{
	_buf_ struct buf whole = BUF_INIT;
	const struct node *n;
	int rc;

	buf_printf(&whole, "%s%s%s", base->folder, *base->folder && *path ? "/" : "", path);
	rc = buf_check(&whole, err);
	if (rc < 0)
		return rc;
	n = tree_find(base->tree, (const char *)whole.data);
	if (!n || !S_ISDIR(n->mode))
		return 0;
	*ret = n;
	return 1;
}

static int copy_xattr(int from, const char *name, struct tree *t, struct node *to,
		      struct firn_error *err)
{
	_free_ uint8_t *value = malloc(TREE_XATTR_MAX);
	ssize_t n;

	if (!value)
		return firn_fail_oom(err, "xattr");
	n = fgetxattr(from, name, value, TREE_XATTR_MAX);
	if (n < 0)
		return firn_fail_errno(err, "read xattr %s", name);
	return tree_set_xattr(t, to, name, value, (size_t)n, err);
}

static int copy_xattrs(int from, struct tree *t, struct node *to, struct firn_error *err)
{
	_free_ char *names = malloc(XATTR_LIST_MAX);
	ssize_t n;
	int rc = 0;

	if (!names)
		return firn_fail_oom(err, "xattrs");
	n = flistxattr(from, names, XATTR_LIST_MAX);
	if (n < 0)
		return errno == ENOTSUP ? 0 : firn_fail_errno(err, "list xattrs");
	for (const char *at = names; rc == 0 && at < names + n; at += strlen(at) + 1)
		if (strncmp(at, OVERLAY_XATTRS, strlen(OVERLAY_XATTRS)) != 0)
			rc = copy_xattr(from, at, t, to, err);
	return rc;
}

/*
 * A folder that the diff has no entry for: as the base has it, whose folder would lose its
 * attributes to this one otherwise; else as an unpacker makes it.
 */
static int describe_by_tree(struct tree *t, struct node *n, const char *path,
			    const struct archive_base *base, struct firn_error *err)
{
	const struct node *there = NULL;
	int rc = find_base(base, path, &there, err);

	if (rc <= 0)
		return rc;
	n->mode = there->mode;
	n->uid = there->uid;
	n->gid = there->gid;
	n->mtime = there->mtime;
	n->mtime_ns = there->mtime_ns;
	n->implied = false;
	rc = 0;
	for (const struct xattr *x = there->xattrs; rc == 0 && x; x = x->next)
		rc = tree_set_xattr(t, n, x->name, x->value, x->len, err);
	return rc;
}

static int describe(struct tree *t, struct node *n, const struct archive_base *base,
		    struct firn_error *err)
{
	_free_ char *path = NULL;
	_fd_ int fd = -1;
	struct stat st;
	int rc = tree_path(n, &path, err);

	if (rc < 0)
		return rc;
	if (base->dirfd < 0)
		return describe_by_tree(t, n, path, base, err);
	fd = open_base(base, path);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return firn_fail_errno(err, "stat");
	n->mode = st.st_mode;
	n->uid = st.st_uid;
	n->gid = st.st_gid;
	n->mtime = st.st_mtim.tv_sec;
	n->mtime_ns = (uint32_t)st.st_mtim.tv_nsec;
	n->implied = false;
	return copy_xattrs(fd, t, n, err);
}

/* Whether the base can have something at @path at all: its parent there is a folder. */
static bool base_may_have(const struct archive_base *base, const char *path, struct firn_error *err,
			  int *rc)
{
	const size_t above = (size_t)(path_basename(path) - path);
	_free_ char *parent = strndup(path, above ? above - 1 : 0);
	_fd_ int fd = -1;

	if (!parent) {
		*rc = firn_fail_oom(err, "name");
		return false;
	}
	if (base->dirfd < 0) {
		const struct node *there;
		const int found = find_base(base, parent, &there, err);

		*rc = found < 0 ? found : 0;
		return found > 0;
	}
	fd = open_base(base, parent);
	return fd >= 0;
}

static int hide(struct tree *diff, const char *path, const struct archive_base *base,
		const struct firn_report *report, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	struct node *n;
	int rc = 0;

	if (!base_may_have(base, path, err, &rc)) {
		if (rc == 0)
			warn(report, "deleted.files names %s, which the base image can't have",
			     path_quote(path, quoted));
		return rc;
	}
	if (deleted_is_lossy(path))
		warn(report,
		     "the engine replaced bytes in the name of the deleted %s: if the base has "
		     "the file under its real name, it is back",
		     path_quote(path, quoted));
	rc = tree_make(diff, path, &n, err);
	if (rc < 0)
		return rc;
	n->mode = S_IFCHR;
	n->whiteout = true;
	return 0;
}

static int apply_deletions(struct tree *diff, const struct deleted *d,
			   const struct archive_base *base, const struct firn_report *report,
			   struct firn_error *err)
{
	for (size_t i = 0; i < d->count; i++) {
		int rc = 0;

		switch (deleted_effect(d->paths[i], diff)) {
		case DELETED_NOTHING:
			break;
		case DELETED_WHITEOUT:
			rc = hide(diff, d->paths[i], base, report, err);
			break;
		case DELETED_OPAQUE:
			tree_find(diff, d->paths[i])->opaque = true;
			break;
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int finish_node(struct tree *t, struct node *n, const struct archive_base *base,
		       struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (S_ISCHR(n->mode) && !n->whiteout && n->major == 0 && n->minor == 0)
		return firn_fail(err, FIRN_ECORRUPT,
				 "entry %s: a 0:0 device means a deletion to overlayfs",
				 path_quote(n->name, quoted));
	return n->implied ? describe(t, n, base, err) : 0;
}

int archive_convert(struct tree *diff, const char *deleted, size_t len,
		    const struct archive_base *base, const struct firn_report *report,
		    struct firn_error *err)
{
	_cleanup_(deleted_done) struct deleted d = { 0 };
	int rc = 0;

	if (deleted)
		rc = deleted_parse(deleted, len, &d, err);
	if (rc == 0)
		rc = apply_deletions(diff, &d, base, report, err);
	for (struct node *n = diff->root; rc == 0 && n; n = walk_next(diff, n))
		rc = finish_node(diff, n, base, err);
	return rc;
}
