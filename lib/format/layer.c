/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/layer_priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/erofs.h"
#include "format/ustar.h"
#include "format/whiteout.h"

#include <stdlib.h>
#include <string.h>

int layer_new(struct layer **ret, struct firn_error *err)
{
	_cleanup_(layer_freep) struct layer *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return firn_fail_oom(err, "layer");
	rc = tree_new(&l->tree, err);
	if (rc < 0)
		return rc;
	l->bytes = LAYER_HEAD_BYTES;
	*ret = take_ptr(&l);
	return 0;
}

struct layer *layer_free(struct layer *l)
{
	if (l) {
		tree_free(l->tree);
		buf_done(&l->root_records);
	}
	free(l);
	return NULL;
}

void layer_freep(struct layer **l)
{
	*l = layer_free(*l);
}

const struct node *layer_find(const struct layer *l, const char *path)
{
	return tree_find(l->tree, path);
}

uint64_t layer_bytes(const struct layer *l)
{
	return l->bytes;
}

struct tree *layer_tree(struct layer *l)
{
	return l->tree;
}

bool layer_empty(const struct layer *l)
{
	return l->tree->count == 1 && !l->tree->root->opaque;
}

static int refuse(struct firn_error *err, enum firn_code code, const char *path, const char *why)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, code, "entry %s: %s", path_quote(path, quoted), why);
}

/* What the tar header of @n says; @name and @link are the caller's words for it. */
static struct ustar describe(const struct node *n, enum ustar_type type, const char *name,
			     const char *link)
{
	return (struct ustar){
		.name = name,
		.link = link,
		.type = type,
		.mode = n->mode & 07777,
		.uid = n->uid,
		.gid = n->gid,
		.major = n->major,
		.minor = n->minor,
		.size = type == USTAR_FILE ? n->size : 0,
		.mtime = n->mtime,
		.mtime_ns = n->mtime_ns,
		.xattrs = type == USTAR_HARDLINK ? NULL : n->xattrs,
	};
}

/* Its records stay behind for the head. */
void layer_put_root(struct layer *l, struct buf *out)
{
	struct ustar m = describe(l->tree->root, USTAR_DIR, "./", NULL);

	ustar_put(out, &m);
	l->bytes += USTAR_BLOCK;
	l->begun = true;
}

/*
 * Print @m at the next block of the blob: its payload, if it has one, has to begin at a multiple of
 * LAYER_BLOCK, so a comment fills up the records when they alone don't come out right.
 */
static int put_member(struct layer *l, const struct ustar *m, struct buf *records, struct buf *out,
		      struct firn_error *err)
{
	const uint64_t at = layer_align(l->bytes, USTAR_BLOCK);
	const struct ustar pax = { .name = "./PaxHeaders/-", .type = USTAR_PAX, .mode = 0644 };
	uint64_t room = layer_align(records->len, USTAR_BLOCK), begin = out->len;

	if (m->size && (records->len || (at + USTAR_BLOCK) % LAYER_BLOCK)) {
		uint64_t payload = at + 2 * (uint64_t)USTAR_BLOCK + room;

		room += layer_align(payload, LAYER_BLOCK) - payload;
		if (room == 0)
			room = LAYER_BLOCK;
		if (room - records->len >= PAX_COMMENT_MIN)
			pax_put_comment(records, (size_t)room - records->len);
	}
	buf_fill(out, 0, (size_t)(at - l->bytes));
	if (records->len) {
		struct ustar header = pax;

		header.size = records->len;
		ustar_put(out, &header);
		buf_put(out, records->data, records->len);
		buf_fill(out, 0, (size_t)room - records->len);
	}
	ustar_put(out, m);
	if (records->oom)
		return firn_fail_oom(err, "layer");
	l->bytes += out->len - begin + m->size;
	return buf_check(out, err);
}

/* @path without its last component, which must be a folder of the layer. */
static int check_parent(const struct layer *l, const char *path, struct firn_error *err)
{
	_free_ char *parent = strdup(path);
	const struct node *dir;
	char *slash;

	if (!parent)
		return firn_fail_oom(err, "layer");
	slash = strrchr(parent, '/');
	*(slash ? slash : parent) = '\0';
	dir = tree_find(l->tree, parent);
	if (!dir || !S_ISDIR(dir->mode))
		return refuse(err, FIRN_ECORRUPT, path, "its folder is not in the layer");
	return 0;
}

static int check_name(const struct layer *l, const struct layer_entry *e, struct firn_error *err)
{
	const char *base = path_basename(e->path);
	size_t extra = 0;
	int rc = whiteout_parse(e->path, NULL, NULL);

	if (rc != WHITEOUT_NONE)
		return refuse(err, FIRN_EUNSUPP, e->path,
			      "layers can't hold names that begin with \".wh.\"");
	if (e->whiteout && strlen(base) + strlen(WHITEOUT_PREFIX) > PATH_NAME_MAX)
		return refuse(err, FIRN_EUNSUPP, e->path, "its name is too long for a whiteout");
	if (e->whiteout)
		extra = strlen(WHITEOUT_PREFIX);
	else if (e->opaque)
		extra = 1 + strlen(WHITEOUT_OPAQUE);
	if (strlen(e->path) + extra > PATH_MEMBER_MAX)
		return refuse(err, FIRN_ELIMIT, e->path, "its path is too long");
	if (tree_find(l->tree, e->path))
		return refuse(err, FIRN_ECORRUPT, e->path, "comes twice");
	return check_parent(l, e->path, err);
}

/* The node that @e asks for, not yet in the tree; xattrs and target are borrowed. */
static struct node node_of(const struct layer_entry *e)
{
	struct node n = { .mode = S_IFCHR, .whiteout = true };

	if (e->whiteout)
		return n;
	n = (struct node){
		.mode = e->mode,
		.uid = e->uid,
		.gid = e->gid,
		.mtime = e->mtime,
		.mtime_ns = e->mtime < 0 ? 0 : e->mtime_ns,
		.xattrs = (struct xattr *)e->xattrs,
		.opaque = e->opaque,
	};
	if (S_ISREG(n.mode))
		n.size = e->size;
	if (S_ISLNK(n.mode))
		n.target = (char *)e->target;
	if (S_ISCHR(n.mode) || S_ISBLK(n.mode)) {
		n.major = e->major;
		n.minor = e->minor;
	}
	return n;
}

static int check_node(const struct layer *l, const char *path, const struct node *n,
		      struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = erofs_check_node(n, err);

	if (rc < 0)
		return firn_wrap(err, rc, "entry %s", path_quote(path, quoted));
	if (S_ISSOCK(n->mode))
		return refuse(err, FIRN_EUNSUPP, path, "layers can't hold sockets");
	if (n->opaque && !S_ISDIR(n->mode))
		return refuse(err, FIRN_EINVAL, path, "only a folder can be opaque");
	if (n->size > LAYER_BYTES_MAX || l->bytes > LAYER_BYTES_MAX - n->size)
		return refuse(err, FIRN_ELIMIT, path, "makes the layer too large");
	return 0;
}

/* Put @n into the tree as @path: copies of what it borrows. */
static int insert(struct layer *l, const char *path, const struct node *n, struct node **ret,
		  struct firn_error *err)
{
	struct node *made = NULL;
	int rc = tree_make(l->tree, path, &made, err);

	if (rc >= 0 && n->target)
		rc = tree_set_target(l->tree, made, n->target, err);
	for (const struct xattr *x = n->xattrs; rc >= 0 && x; x = x->next)
		rc = tree_set_xattr(l->tree, made, x->name, x->value, x->len, err);
	if (rc < 0 && made && made != l->tree->root)
		tree_remove(l->tree, made);
	if (rc < 0)
		return rc;
	made->mode = n->mode;
	made->size = n->size;
	made->uid = n->uid;
	made->gid = n->gid;
	made->major = n->major;
	made->minor = n->minor;
	made->mtime = n->mtime;
	made->mtime_ns = n->mtime_ns;
	made->whiteout = n->whiteout;
	made->opaque = n->opaque;
	made->link = n->link;
	made->implied = false;
	*ret = made;
	return 0;
}

/* The member's name: a folder's with a slash, a whiteout's with its prefix. */
static int member_name(const char *path, const struct node *n, char **ret, struct firn_error *err)
{
	_buf_ struct buf name = BUF_INIT;
	const char *base = path_basename(path);

	buf_put(&name, path, (size_t)(base - path));
	if (n->whiteout)
		buf_puts(&name, WHITEOUT_PREFIX);
	buf_puts(&name, base);
	if (S_ISDIR(n->mode))
		buf_puts(&name, "/");
	*ret = buf_steal(&name);
	return *ret ? 0 : firn_fail_oom(err, "layer");
}

/* The mark of an opaque folder, right behind it or wherever its deletion became known. */
static int put_opaque(struct layer *l, const char *path, struct buf *out, struct firn_error *err)
{
	static const struct node mark;
	_buf_ struct buf name = BUF_INIT, records = BUF_INIT;
	struct ustar m;
	int rc;

	buf_printf(&name, "%s%s" WHITEOUT_OPAQUE, path, *path ? "/" : "");
	rc = buf_check(&name, err);
	if (rc < 0)
		return rc;
	m = describe(&mark, USTAR_FILE, (char *)name.data, NULL);
	rc = pax_put_records(&records, &m, err);
	return rc < 0 ? rc : put_member(l, &m, &records, out, err);
}

static int add_root(struct layer *l, const struct layer_entry *e, struct buf *ret,
		    struct firn_error *err)
{
	_buf_ struct buf records = BUF_INIT;
	struct node n = node_of(e), *made;
	struct ustar m = describe(&n, USTAR_DIR, "./", NULL);
	int rc;

	if (l->begun || e->whiteout || e->hardlink || !S_ISDIR(e->mode))
		return refuse(err, FIRN_ECORRUPT, "", "the root is a folder and comes first");
	rc = check_node(l, "", &n, err);
	if (rc == 0)
		rc = pax_put_records(&records, &m, err);
	if (rc < 0)
		return rc;
	if (records.len > LAYER_RECORDS_BYTES - LAYER_COMMENT_MIN)
		return refuse(err, FIRN_EUNSUPP, "", "its xattrs don't fit the layer's head");
	rc = insert(l, "", &n, &made, err);
	if (rc < 0)
		return rc;
	buf_put(&l->root_records, records.data, records.len);
	layer_put_root(l, ret);
	rc = buf_check(&l->root_records, err);
	if (rc == 0 && e->opaque)
		rc = put_opaque(l, "", ret, err);
	return rc < 0 ? rc : buf_check(ret, err);
}

static int link_target(const struct layer *l, const struct layer_entry *e, struct node **ret,
		       struct firn_error *err)
{
	struct node *to = e->target ? tree_find(l->tree, e->target) : NULL;

	if (!to || S_ISDIR(to->mode) || to->whiteout)
		return refuse(err, FIRN_ECORRUPT, e->path, "hard link to no file of the layer");
	*ret = to->link ? to->link : to;
	return 0;
}

static int put_entry(struct layer *l, const struct layer_entry *e, struct node *n, struct buf *out,
		     struct firn_error *err)
{
	_buf_ struct buf records = BUF_INIT;
	_free_ char *name = NULL;
	struct node *made;
	struct ustar m;
	int rc = member_name(e->path, n, &name, err);

	if (rc < 0)
		return rc;
	m = describe(n->link ? n->link : n, n->link ? USTAR_HARDLINK : ustar_type_of(n->mode), name,
		     e->hardlink ? e->target : n->target);
	if (n->whiteout)
		m.type = USTAR_FILE;
	rc = pax_put_records(&records, &m, err);
	if (rc < 0) {
		char quoted[PATH_QUOTE_MAX];

		return firn_wrap(err, rc, "entry %s", path_quote(e->path, quoted));
	}
	rc = insert(l, e->path, n, &made, err);
	if (rc < 0)
		return rc;
	if (!l->begun)
		layer_put_root(l, out);
	rc = put_member(l, &m, &records, out, err);
	if (rc < 0)
		return rc;
	if (m.size)
		made->offset = l->bytes - m.size;
	return n->opaque ? put_opaque(l, e->path, out, err) : 0;
}

int layer_add(struct layer *l, const struct layer_entry *e, struct buf *ret, struct firn_error *err)
{
	struct node n = node_of(e);
	int rc;

	buf_reset(ret);
	if (*e->path == '\0')
		return add_root(l, e, ret, err);
	if (e->hardlink && !e->whiteout) {
		n = (struct node){ .mode = S_IFREG };
		rc = link_target(l, e, &n.link, err);
		if (rc < 0)
			return rc;
	}
	rc = check_name(l, e, err);
	if (rc == 0)
		rc = check_node(l, e->path, &n, err);
	return rc < 0 ? rc : put_entry(l, e, &n, ret, err);
}

int layer_set_opaque(struct layer *l, const char *path, struct buf *ret, struct firn_error *err)
{
	struct node *dir = tree_find(l->tree, path);

	buf_reset(ret);
	if (!dir || !S_ISDIR(dir->mode) || dir->opaque)
		return refuse(err, FIRN_ECORRUPT, path, "no folder that can become opaque");
	if (strlen(path) + 1 + strlen(WHITEOUT_OPAQUE) > PATH_MEMBER_MAX)
		return refuse(err, FIRN_ELIMIT, path, "its path is too long");
	dir->opaque = true;
	if (!l->begun)
		layer_put_root(l, ret);
	return put_opaque(l, path, ret, err);
}
