/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/library.h"
#include "serve/fuse_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#define FOR_EVER   (365.0 * 86400) /* s: nothing changes */
#define BLOCK      4096
#define STAT_BLOCK 512
#define XATTRS_MAX 65536 /* XATTR_LIST_MAX */
#define READ_MAX   (1u << 20)

static const struct served *served_of(fuse_req_t req)
{
	return fuse_lib.fuse_req_userdata(req);
}

static void fail(fuse_req_t req, int why)
{
	(void)fuse_lib.fuse_reply_err(req, why);
}

static void on_init(void *ctx, struct fuse_conn_info *conn)
{
	static const unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
				       FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
				       FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT |
				       FUSE_CAP_CACHE_SYMLINKS;

	(void)ctx;
	conn->want = conn->capable & wanted;
}

static struct stat describe(const struct node *n)
{
	return (struct stat){
		.st_ino = n->nid,
		.st_mode = n->mode,
		.st_nlink = S_ISDIR(n->mode) ? 1 : n->nlink,
		.st_uid = n->uid,
		.st_gid = n->gid,
		.st_rdev = makedev(n->major, n->minor),
		.st_size = (off_t)(S_ISLNK(n->mode)   ? strlen(n->target)
				   : S_ISREG(n->mode) ? n->size
						      : 0),
		.st_blksize = BLOCK,
		.st_blocks =
		    S_ISREG(n->mode) ? (blkcnt_t)((n->size + STAT_BLOCK - 1) / STAT_BLOCK) : 0,
		.st_atim = { .tv_sec = n->mtime, .tv_nsec = n->mtime_ns },
		.st_mtim = { .tv_sec = n->mtime, .tv_nsec = n->mtime_ns },
		.st_ctim = { .tv_sec = n->mtime, .tv_nsec = n->mtime_ns },
	};
}

/* @n may be NULL: a name that isn't there, and never will be. */
static struct fuse_entry_param entry_of(struct node *n)
{
	struct fuse_entry_param e = { .attr_timeout = FOR_EVER, .entry_timeout = FOR_EVER };

	if (n) {
		e.attr = describe(served_content(n));
		e.ino = e.attr.st_ino;
	}
	return e;
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct served *s = served_of(req);
	const struct node *dir = served_inode(s, parent);
	struct fuse_entry_param e;

	if (!dir || !S_ISDIR(dir->mode)) {
		fail(req, ENOTDIR);
		return;
	}
	e = entry_of(tree_child(s->tree, dir, name));
	(void)fuse_lib.fuse_reply_entry(req, &e);
}

static void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	(void)ino;
	(void)lookups;
	fuse_lib.fuse_reply_none(req);
}

static void on_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *list)
{
	(void)n;
	(void)list;
	fuse_lib.fuse_reply_none(req);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
	const struct node *n = served_inode(served_of(req), ino);
	struct stat st;

	(void)file;
	if (!n) {
		fail(req, ESTALE);
		return;
	}
	st = describe(n);
	(void)fuse_lib.fuse_reply_attr(req, &st, FOR_EVER);
}

static void on_readlink(fuse_req_t req, fuse_ino_t ino)
{
	const struct node *n = served_inode(served_of(req), ino);

	if (n && S_ISLNK(n->mode))
		(void)fuse_lib.fuse_reply_readlink(req, n->target);
	else
		fail(req, EINVAL);
}

/*
 * ENOSYS means "never ask again" (FUSE_NO_OPEN_SUPPORT, FUSE_NO_OPENDIR_SUPPORT in linux/fuse.h):
 * the kernel opens what it likes and keeps what it has read. The mount is read-only.
 */
static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
	(void)ino;
	(void)file;
	fail(req, ENOSYS);
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t at,
		    struct fuse_file_info *file)
{
	const struct served *s = served_of(req);
	const struct node *n = served_inode(s, ino);
	_free_ uint8_t *bytes = NULL;
	ssize_t got;

	(void)file;
	if (!n || !S_ISREG(n->mode) || at < 0 || size > READ_MAX) {
		fail(req, EINVAL);
		return;
	}
	bytes = malloc(size ? size : 1);
	if (!bytes) {
		fail(req, ENOMEM);
		return;
	}
	got = served_read(s, n, bytes, size, (uint64_t)at, NULL);
	if (got < 0)
		fail(req, EIO);
	else
		(void)fuse_lib.fuse_reply_buf(req, (const char *)bytes, (size_t)got);
}

/* Entry @i of @dir: "." and ".." and then its names. */
static const char *entry_at(const struct served *s, struct node *dir, size_t i, struct node **ret)
{
	if (i < 2) {
		*ret = i ? dir->parent : dir;
		return i ? ".." : ".";
	}
	if (i - 2 >= dir->nchildren)
		return NULL;
	*ret = s->entries[dir->pos + i - 2];
	return (*ret)->name;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t from, bool plus)
{
	const struct served *s = served_of(req);
	struct node *dir = served_inode(s, ino), *n = NULL;
	_free_ char *out = NULL;
	const char *name;
	size_t used = 0;

	if (!dir || !S_ISDIR(dir->mode) || from < 0 || size > READ_MAX) {
		fail(req, dir ? EINVAL : ESTALE);
		return;
	}
	out = malloc(size ? size : 1);
	if (!out) {
		fail(req, ENOMEM);
		return;
	}
	for (size_t i = (size_t)from; (name = entry_at(s, dir, i, &n)); i++) {
		struct fuse_entry_param e = entry_of(n);
		size_t needs;

		/* The kernel makes no inode of these two. */
		if (i < 2)
			e.ino = 0;
		needs = plus ? fuse_lib.fuse_add_direntry_plus(req, out + used, size - used, name,
							       &e, (off_t)i + 1)
			     : fuse_lib.fuse_add_direntry(req, out + used, size - used, name,
							  &e.attr, (off_t)i + 1);
		if (needs > size - used)
			break;
		used += needs;
	}
	(void)fuse_lib.fuse_reply_buf(req, out, used);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t from,
		       struct fuse_file_info *file)
{
	(void)file;
	list(req, ino, size, from, false);
}

static void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t from,
			   struct fuse_file_info *file)
{
	(void)file;
	list(req, ino, size, from, true);
}

static void on_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct served *s = served_of(req);
	const struct statvfs st = {
		.f_bsize = BLOCK,
		.f_frsize = BLOCK,
		.f_blocks = (s->bytes + BLOCK - 1) / BLOCK,
		.f_files = s->ninodes - 1,
		.f_namemax = 255,
	};

	(void)ino;
	(void)fuse_lib.fuse_reply_statfs(req, &st);
}

/* @size 0 asks how much there is. */
static void reply_xattr(fuse_req_t req, const void *bytes, size_t n, size_t size)
{
	if (size == 0)
		(void)fuse_lib.fuse_reply_xattr(req, n);
	else if (n > size)
		fail(req, ERANGE);
	else
		(void)fuse_lib.fuse_reply_buf(req, bytes, n);
}

static void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const struct node *n = served_inode(served_of(req), ino);

	for (const struct xattr *x = n ? n->xattrs : NULL; x; x = x->next)
		if (strcmp(x->name, name) == 0) {
			reply_xattr(req, x->value, x->len, size);
			return;
		}
	fail(req, ENODATA);
}

static void on_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct node *n = served_inode(served_of(req), ino);
	char names[XATTRS_MAX];
	size_t used = 0;

	for (const struct xattr *x = n ? n->xattrs : NULL; x; x = x->next) {
		const size_t len = strlen(x->name) + 1;

		if (len > sizeof(names) - used)
			break;
		memcpy(names + used, x->name, len);
		used += len;
	}
	reply_xattr(req, names, used, size);
}

const struct fuse_lowlevel_ops fuse_ops = {
	.init = on_init,
	.lookup = on_lookup,
	.forget = on_forget,
	.forget_multi = on_forget_multi,
	.getattr = on_getattr,
	.readlink = on_readlink,
	.open = on_open,
	.read = on_read,
	.opendir = on_open,
	.readdir = on_readdir,
	.readdirplus = on_readdirplus,
	.statfs = on_statfs,
	.getxattr = on_getxattr,
	.listxattr = on_listxattr,
};
