/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/erofs_read.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"
#include "format/erofs_disk.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BITS 12u
#define BLOCK      (1u << BLOCK_BITS)
#define CHUNKS_MAX 4096u /* of a file, 2 GiB each */
#define NIDS_MAX   (UINT64_C(1) << 47)
#define KNOWN                                                                                      \
	(EROFS_INCOMPAT_ZERO_PADDING | EROFS_INCOMPAT_COMPR_CFGS | EROFS_INCOMPAT_CHUNKED_FILE)
#define NAME_BYTES 255u
#define TEXTS_MAX                                                                                  \
	(16u << 20) /* bytes of names, links' targets and xattrs: inodes may have many names */
#define FILES_FIRST 64u

struct inode {
	uint64_t nid, at, size;
	unsigned layout, xattrs;
	uint32_t mode, u, uid, gid, ns, nlink;
	int64_t mtime;
};

/* A name of an inode that has several, or a folder whose entries are still to be read. */
struct seen {
	uint64_t nid;
	struct node *node;
};

struct list {
	struct seen *list;
	size_t n, room;
};

struct reader {
	struct source *src;
	uint64_t meta; /* where nid 0 is */
	uint32_t max;
	struct tree *tree;
	struct erofs_files *files;
	struct list folders, names;
	uint64_t last; /* nid of the folder that was found last */
	unsigned dots; /* "." and ".." of the folder that is read */
	size_t texts;  /* bytes so far */
};

static uint64_t le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static int corrupt(struct firn_error *err, const char *why)
{
	return firn_fail(err, FIRN_ECORRUPT, "EROFS index: %s", why);
}

static int count_text(struct reader *r, size_t n, struct firn_error *err)
{
	r->texts += n;
	return r->texts <= TEXTS_MAX
		   ? 0
		   : firn_fail(err, FIRN_ELIMIT, "EROFS index: more than %u bytes of names",
			       TEXTS_MAX);
}

static int push(struct list *l, uint64_t nid, struct node *n, struct firn_error *err)
{
	if (l->n == l->room) {
		const size_t room = l->room ? 2 * l->room : FILES_FIRST;
		struct seen *grown = reallocarray(l->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "EROFS index");
		l->list = grown;
		l->room = room;
	}
	l->list[l->n++] = (struct seen){ nid, n };
	return 0;
}

void erofs_files_done(struct erofs_files *f)
{
	free(f->list);
	*f = (struct erofs_files){ 0 };
}

static int add_file(struct erofs_files *f, const struct erofs_file *file, struct firn_error *err)
{
	if (f->n == f->room) {
		const size_t room = f->room ? 2 * f->room : FILES_FIRST;
		struct erofs_file *grown = reallocarray(f->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "EROFS index");
		f->list = grown;
		f->room = room;
	}
	f->list[f->n++] = *file;
	return 0;
}

bool erofs_begins(struct source *src)
{
	uint8_t magic[4];

	return src->size >= EROFS_SUPER_AT + EROFS_SUPER_SIZE &&
	       source_read_at(src, magic, sizeof(magic), EROFS_SUPER_AT, NULL) == 0 &&
	       le(magic, 4) == EROFS_MAGIC;
}

static int read_super(struct reader *r, uint64_t *ret_root, struct firn_error *err)
{
	uint8_t sb[EROFS_SUPER_SIZE];
	int rc = source_read_at(r->src, sb, sizeof(sb), EROFS_SUPER_AT, err);

	if (rc < 0)
		return rc;
	if (le(sb, 4) != EROFS_MAGIC)
		return corrupt(err, "no superblock");
	if (sb[12] != BLOCK_BITS || (le(sb + 80, 4) & ~(uint64_t)KNOWN) || le(sb + 86, 2))
		return firn_fail(err, FIRN_EUNSUPP, "EROFS index: is none of firn's");
	*ret_root = le(sb + 14, 2);
	r->meta = le(sb + 40, 4) << BLOCK_BITS;
	return 0;
}

static int read_inode(struct reader *r, uint64_t nid, struct inode *ret, struct firn_error *err)
{
	uint8_t p[EROFS_INODE_SIZE];
	int rc;

	if (nid > NIDS_MAX)
		return corrupt(err, "an inode lies nowhere");
	*ret = (struct inode){ .nid = nid, .at = r->meta + nid * EROFS_SLOT_SIZE };
	rc = source_read_at(r->src, p, sizeof(p), ret->at, err);
	if (rc < 0)
		return rc;
	if (!(p[0] & 1))
		return firn_fail(err, FIRN_EUNSUPP, "EROFS index: a compact inode");
	ret->layout = (unsigned)le(p, 2) >> 1;
	ret->xattrs = le(p + 2, 2) ? EROFS_XATTR_HEADER + 4 * ((unsigned)le(p + 2, 2) - 1) : 0;
	ret->mode = (uint32_t)le(p + 4, 2);
	ret->size = le(p + 8, 8);
	ret->u = (uint32_t)le(p + 16, 4);
	ret->uid = (uint32_t)le(p + 24, 4);
	ret->gid = (uint32_t)le(p + 28, 4);
	ret->mtime = (int64_t)le(p + 32, 8);
	ret->ns = (uint32_t)le(p + 40, 4);
	ret->nlink = (uint32_t)le(p + 44, 4);
	if (ret->size > INT64_MAX || ret->ns > 999999999)
		return corrupt(err, "a bad inode");
	return 0;
}

/* The block of the content that begins at @at, a multiple of BLOCK: how many bytes it has. */
static ssize_t read_flat(struct reader *r, const struct inode *i, uint64_t at, uint8_t ret[BLOCK],
			 struct firn_error *err)
{
	const uint64_t left = i->size - at;
	const size_t n = left < BLOCK ? (size_t)left : BLOCK;
	uint64_t from = ((uint64_t)i->u << BLOCK_BITS) + at;
	int rc;

	if (i->layout == EROFS_FLAT_INLINE && n < BLOCK)
		from = i->at + EROFS_INODE_SIZE + i->xattrs;
	else if (i->layout != EROFS_FLAT_PLAIN && i->layout != EROFS_FLAT_INLINE)
		return corrupt(err, "a folder or link of an unknown kind");
	rc = source_read_at(r->src, ret, n, from, err);
	return rc < 0 ? rc : (ssize_t)n;
}

static int set_xattr(struct reader *r, struct node *n, unsigned space, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, struct firn_error *err)
{
	static const char *const spaces[] = {
		NULL, "user.",    "system.posix_acl_access", "system.posix_acl_default", "trusted.",
		NULL, "security."
	};
	char whole[sizeof("system.posix_acl_default") + NAME_BYTES + 1];

	if (space >= ARRAY_SIZE(spaces) || !spaces[space] || memchr(name, 0, name_len) ||
	    strlen(spaces[space]) + name_len > TREE_XATTR_NAME_MAX)
		return corrupt(err, "a bad extended attribute");
	strcpy(whole, spaces[space]);
	strncat(whole, (const char *)name, name_len);
	if (strcmp(whole, EROFS_OPAQUE) == 0) {
		n->opaque = S_ISDIR(n->mode);
		return 0;
	}
	if (xattr_is_overlay(whole))
		return 0;
	return tree_set_xattr(r->tree, n, whole, value, len, err);
}

static int read_xattrs(struct reader *r, const struct inode *i, struct node *n,
		       struct firn_error *err)
{
	_free_ uint8_t *bytes = NULL;
	int rc = count_text(r, i->xattrs, err);

	if (rc < 0 || !i->xattrs)
		return rc;
	bytes = malloc(i->xattrs);
	if (!bytes)
		return firn_fail_oom(err, "EROFS index");
	rc = source_read_at(r->src, bytes, i->xattrs, i->at + EROFS_INODE_SIZE, err);
	if (rc == 0 && bytes[4])
		return firn_fail(err, FIRN_EUNSUPP, "EROFS index: shared extended attributes");
	for (size_t at = EROFS_XATTR_HEADER; rc == 0 && at < i->xattrs;) {
		const uint8_t *p = bytes + at;
		const size_t left = i->xattrs - at;
		size_t len;

		if (left < 4 || (len = 4 + p[0] + (size_t)le(p + 2, 2)) > left)
			return corrupt(err, "extended attributes end early");
		rc = set_xattr(r, n, p[1], p + 4, p[0], p + 4 + p[0], (size_t)le(p + 2, 2), err);
		at += (size_t)erofs_align(len, 4);
	}
	return rc;
}

static int read_target(struct reader *r, const struct inode *i, struct node *n,
		       struct firn_error *err)
{
	char target[PATH_MEMBER_MAX + 1];
	uint8_t block[BLOCK];
	int rc;

	if (i->size == 0 || i->size > PATH_MEMBER_MAX)
		return corrupt(err, "a symbolic link without a valid target");
	rc = count_text(r, (size_t)i->size, err);
	for (uint64_t at = 0; rc == 0 && at < i->size; at += BLOCK) {
		ssize_t got = read_flat(r, i, at, block, err);

		if (got < 0)
			return (int)got;
		memcpy(target + at, block, (size_t)got);
	}
	if (rc < 0)
		return rc;
	target[i->size] = '\0';
	if (strlen(target) != i->size)
		return corrupt(err, "a symbolic link without a valid target");
	return tree_set_target(r->tree, n, target, err);
}

/* One piece, though it has several chunks. */
static int read_chunks(struct reader *r, const struct inode *i, uint64_t *ret,
		       struct firn_error *err)
{
	const unsigned bits = BLOCK_BITS + (i->u & 0x1f);
	const uint64_t n = ((i->size - 1) >> bits) + 1;
	const uint64_t from = erofs_align(i->at + EROFS_INODE_SIZE + i->xattrs, EROFS_CHUNK);

	if ((i->u & ~0x1fu) != EROFS_CHUNK_INDEXES || n > CHUNKS_MAX ||
	    (n > 1 && bits != EROFS_CHUNK_BITS_MAX))
		return firn_fail(err, FIRN_EUNSUPP, "EROFS index: chunks that firn doesn't write");
	for (uint64_t k = 0; k < n; k++) {
		uint8_t p[EROFS_CHUNK];
		uint64_t block;
		int rc = source_read_at(r->src, p, sizeof(p), from + k * EROFS_CHUNK, err);

		if (rc < 0)
			return rc;
		block = (le(p, 2) << 32 | le(p + 4, 4)) << BLOCK_BITS;
		if (le(p + 2, 2) || (k && block != *ret + (k << bits)))
			return firn_fail(err, FIRN_EUNSUPP,
					 "EROFS index: a file in pieces, or elsewhere");
		if (k == 0)
			*ret = block;
	}
	return 0;
}

struct cluster {
	unsigned type;
	uint32_t block;
	uint16_t back;
};

static int read_cluster(struct source *src, uint64_t clusters, uint64_t i, struct cluster *ret,
			struct firn_error *err)
{
	uint8_t p[EROFS_CLUSTER];
	int rc = source_read_at(src, p, sizeof(p), clusters + i * EROFS_CLUSTER, err);

	if (rc < 0)
		return rc;
	*ret = (struct cluster){ .type = p[0] & 3,
				 .block = (uint32_t)le(p + 4, 4),
				 .back = (uint16_t)le(p + 4, 2) };
	if (ret->type != EROFS_CLUSTER_HEAD1 && ret->type != EROFS_CLUSTER_NONHEAD)
		return firn_fail(err, FIRN_EUNSUPP, "EROFS index: a cluster of an unknown kind");
	return 0;
}

int erofs_find_frame(struct source *src, const struct erofs_file *f, uint64_t within,
		     uint64_t *ret_at, size_t *ret_room, uint64_t *ret_before,
		     struct firn_error *err)
{
	const uint64_t last = (f->size - 1) >> BLOCK_BITS;
	uint64_t i = within >> BLOCK_BITS;
	struct cluster head, next = { .type = EROFS_CLUSTER_HEAD1 };
	int rc = read_cluster(src, f->clusters, i, &head, err);

	if (rc == 0 && head.type == EROFS_CLUSTER_NONHEAD) {
		const uint64_t back = head.back & EROFS_CLUSTER_BLOCKS ? 1 : head.back;

		if (back == 0 || back > i)
			return corrupt(err, "a cluster without a head");
		i -= back;
		rc = read_cluster(src, f->clusters, i, &head, err);
	}
	if (rc == 0 && head.type != EROFS_CLUSTER_HEAD1)
		return corrupt(err, "a cluster without a head");
	if (rc == 0 && i < last)
		rc = read_cluster(src, f->clusters, i + 1, &next, err);
	if (rc < 0)
		return rc;
	*ret_at = (uint64_t)head.block << BLOCK_BITS;
	*ret_room = BLOCK;
	if (next.type == EROFS_CLUSTER_NONHEAD && (next.back & EROFS_CLUSTER_BLOCKS))
		*ret_room *= next.back & (EROFS_CLUSTER_BLOCKS - 1);
	*ret_before = i << BLOCK_BITS;
	return 0;
}

static int place_file(struct reader *r, const struct inode *i, struct node *n,
		      struct firn_error *err)
{
	struct erofs_file f = { .node = n, .size = i->size };
	uint64_t before;
	size_t room;
	int rc;

	n->size = i->size;
	if (i->size == 0)
		return 0;
	if (i->layout == EROFS_CHUNK_BASED) {
		rc = read_chunks(r, i, &f.at, err);
	} else if (i->layout == EROFS_COMPRESSED_FULL) {
		f.clusters = erofs_align(i->at + EROFS_INODE_SIZE + i->xattrs, EROFS_CLUSTER) +
			     EROFS_MAP_HEADER;
		rc = erofs_find_frame(r->src, &f, 0, &f.at, &room, &before, err);
	} else {
		rc = firn_fail(err, FIRN_EUNSUPP, "EROFS index: a file of an unknown kind");
	}
	if (rc < 0)
		return rc;
	if (f.at >= r->src->size || (!f.clusters && i->size > r->src->size - f.at))
		return corrupt(err, "a file lies behind the end");
	n->offset = f.at;
	return add_file(r->files, &f, err);
}

/* What kind it is decides what follows the inode. */
static int fill_kind(struct reader *r, const struct inode *i, struct node *n,
		     struct firn_error *err)
{
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		return place_file(r, i, n, err);
	case S_IFLNK:
		return read_target(r, i, n, err);
	case S_IFCHR:
	case S_IFBLK:
		n->whiteout = S_ISCHR(i->mode) && i->u == 0;
		n->major = i->u >> 8 & 0xfff;
		n->minor = (i->u & 0xff) | (i->u >> 12 & 0xfff00);
		return 0;
	case S_IFDIR:
		/* Deeper folders come later in what firn writes: so no folder is in itself. */
		if (i->nid <= r->last && n != r->tree->root)
			return corrupt(err, "folders are out of order");
		r->last = i->nid;
		return push(&r->folders, i->nid, n, err);
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		return corrupt(err, "a file of an unknown kind");
	}
}

static int fill(struct reader *r, const struct inode *i, struct node *n, struct firn_error *err)
{
	int rc;

	n->mode = i->mode;
	n->uid = i->uid;
	n->gid = i->gid;
	n->mtime = i->mtime;
	n->mtime_ns = i->ns;
	n->nlink = 1;
	n->implied = false;
	rc = fill_kind(r, i, n, err);
	if (rc == 0)
		rc = read_xattrs(r, i, n, err);
	if (rc == 0 && !S_ISDIR(i->mode) && i->nlink > 1)
		rc = push(&r->names, i->nid, n, err);
	return rc;
}

/* The entry @name of the folder @path. */
static int read_entry(struct reader *r, const char *path, const uint8_t *name, size_t len,
		      uint64_t nid, struct firn_error *err)
{
	_buf_ struct buf whole = BUF_INIT;
	struct node *n = NULL;
	struct inode i;
	int rc;

	/* Each once: every block of a folder has a name then, which counts. */
	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return ++r->dots > 2 ? corrupt(err, "a name comes twice") : 0;
	if (len == 0 || len > NAME_BYTES || memchr(name, '/', len))
		return corrupt(err, "a bad name");
	buf_printf(&whole, "%s%s%.*s", path, *path ? "/" : "", (int)len, (const char *)name);
	if ((rc = buf_check(&whole, err)) < 0 || (rc = count_text(r, len + 1, err)) < 0)
		return rc;
	if (whole.len > PATH_MEMBER_MAX)
		return corrupt(err, "a path is too long");
	if (r->tree->count >= r->max)
		return firn_fail(err, FIRN_ELIMIT, "more than %u files", r->max);
	if ((rc = read_inode(r, nid, &i, err)) < 0 ||
	    (rc = tree_make(r->tree, (const char *)whole.data, &n, err)) < 0)
		return rc;
	return rc == 0 ? corrupt(err, "a name comes twice") : fill(r, &i, n, err);
}

/* erofs_fs.h, struct erofs_dirent: all of them, then their names. */
static int read_entries(struct reader *r, const char *path, const uint8_t *block, size_t n,
			struct firn_error *err)
{
	const size_t entries = n >= EROFS_DIRENT ? (size_t)le(block + 8, 2) : 0;
	int rc = 0;

	if (entries == 0 || entries % EROFS_DIRENT || entries > n)
		return corrupt(err, "a broken folder");
	for (size_t at = 0; rc == 0 && at < entries; at += EROFS_DIRENT) {
		const size_t from = (size_t)le(block + at + 8, 2);
		size_t to = n;

		if (at + EROFS_DIRENT < entries)
			to = (size_t)le(block + at + EROFS_DIRENT + 8, 2);
		if (from > to || to > n)
			return corrupt(err, "a broken folder");
		/* The last name of a block ends at a NUL, or with the block. */
		rc = read_entry(r, path, block + from,
				strnlen((const char *)block + from, to - from), le(block + at, 8),
				err);
	}
	return rc;
}

static int read_folder(struct reader *r, const struct seen *folder, struct firn_error *err)
{
	_free_ char *path = NULL;
	uint8_t block[BLOCK];
	struct inode i;
	int rc = tree_path(folder->node, &path, err);

	if (rc == 0)
		rc = read_inode(r, folder->nid, &i, err);
	r->dots = 0;
	for (uint64_t at = 0; rc == 0 && at < i.size; at += BLOCK) {
		ssize_t n = read_flat(r, &i, at, block, err);

		rc = n < 0 ? (int)n : read_entries(r, path, block, (size_t)n, err);
	}
	return rc;
}

static int by_nid(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return (x->nid > y->nid) - (x->nid < y->nid);
}

/* Names of one inode become links to one of them. */
static void tie(struct reader *r)
{
	struct erofs_files *f = r->files;
	size_t n = 0;

	if (r->names.n)
		qsort(r->names.list, r->names.n, sizeof(*r->names.list), by_nid);
	for (size_t i = 1; i < r->names.n; i++) {
		const struct seen *s = &r->names.list[i], *before = s - 1;

		if (before->nid == s->nid)
			s->node->link = before->node->link ? before->node->link : before->node;
	}
	for (size_t i = 0; i < f->n; i++)
		if (!f->list[i].node->link)
			f->list[n++] = f->list[i];
	f->n = n;
}

static int by_place(const void *a, const void *b)
{
	const struct erofs_file *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int read_all(struct reader *r, struct firn_error *err)
{
	uint64_t root = 0;
	struct inode i;
	int rc = read_super(r, &root, err);

	if (rc == 0)
		rc = read_inode(r, root, &i, err);
	if (rc == 0 && !S_ISDIR(i.mode))
		rc = corrupt(err, "its root is no folder");
	if (rc == 0)
		rc = fill(r, &i, r->tree->root, err);
	for (size_t k = 0; rc == 0 && k < r->folders.n; k++) {
		const struct seen folder = r->folders.list[k];

		rc = read_folder(r, &folder, err);
	}
	return rc;
}

int erofs_read(struct source *src, uint32_t max, struct tree **ret_tree, struct erofs_files *ret,
	       struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	struct reader r = { .src = src, .max = max, .files = ret };
	int rc = tree_new(&tree, err);

	if (rc < 0)
		return rc;
	r.tree = tree;
	rc = read_all(&r, err);
	if (rc == 0)
		tie(&r);
	free(r.folders.list);
	free(r.names.list);
	if (rc < 0)
		return rc;
	if (ret->n)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_place);
	*ret_tree = take_ptr(&tree);
	return 0;
}
