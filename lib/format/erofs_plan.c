/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/erofs_disk.h"

#include "base/fd.h"
#include "base/path.h"

#include <stdlib.h>
#include <string.h>

#define DEVICES_MAX UINT16_MAX /* extra_devices */

/* EROFS_XATTR_INDEX_*: a whole name has nothing behind its prefix, the others must. */
static const struct {
	const char *prefix;
	uint8_t index;
	bool whole;
} namespaces[] = {
	{ "user.", 1, false },
	{ "system.posix_acl_access", 2, true },
	{ "system.posix_acl_default", 3, true },
	{ "trusted.", 4, false },
	{ "security.", 6, false },
};

uint8_t erofs_xattr_index(const char *name, const char **ret_rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		size_t len = strlen(namespaces[i].prefix);

		if (strncmp(name, namespaces[i].prefix, len) != 0 ||
		    (name[len] == '\0') != namespaces[i].whole)
			continue;
		*ret_rest = name + len;
		return namespaces[i].index;
	}
	return 0;
}

bool erofs_xattr_hidden(const struct node *n, const struct xattr *x)
{
	return n->whiteout || (n->opaque && strcmp(x->name, EROFS_OPAQUE) == 0);
}

static uint64_t xattr_entry_bytes(const char *name, uint32_t len)
{
	const char *rest = "";

	erofs_xattr_index(name, &rest);
	return erofs_align(4 + strlen(rest) + len, 4);
}

static uint64_t xattr_bytes(const struct node *n)
{
	uint64_t bytes = n->opaque ? xattr_entry_bytes(EROFS_OPAQUE, 1) : 0;

	for (const struct xattr *x = n->xattrs; x; x = x->next)
		if (!erofs_xattr_hidden(n, x))
			bytes += xattr_entry_bytes(x->name, x->len);
	return bytes ? EROFS_XATTR_HEADER + bytes : 0;
}

static int check_xattrs(const struct node *n, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	const char *rest;

	for (const struct xattr *x = n->xattrs; x; x = x->next)
		if (!erofs_xattr_index(x->name, &rest))
			return firn_fail(err, FIRN_EUNSUPP, "xattr %s: EROFS has no such namespace",
					 path_quote(x->name, quoted));
	if (xattr_bytes(n) > EROFS_XATTR_BYTES_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "its xattrs are more than EROFS can hold");
	return 0;
}

int erofs_check_node(const struct node *n, struct firn_error *err)
{
	if (n->whiteout && S_ISCHR(n->mode))
		return 0;
	if (n->whiteout)
		return firn_fail(err, FIRN_EINVAL, "whiteout that is no character device");
	switch (n->mode & S_IFMT) {
	case S_IFREG:
		if (n->size > INT64_MAX)
			return firn_fail(err, FIRN_ELIMIT, "is too large");
		break;
	case S_IFLNK:
		if (!n->target || !*n->target || strlen(n->target) > PATH_MEMBER_MAX)
			return firn_fail(err, FIRN_ECORRUPT,
					 "symbolic link without a valid target");
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (n->major > EROFS_MAJOR_MAX || n->minor > EROFS_MINOR_MAX)
			return firn_fail(err, FIRN_EUNSUPP, "device number %u:%u is too large",
					 n->major, n->minor);
		break;
	case S_IFDIR:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		return firn_fail(err, FIRN_EINVAL, "unknown file type %o", n->mode & S_IFMT);
	}
	if (n->mtime_ns > 999999999)
		return firn_fail(err, FIRN_EINVAL, "a second has no %u nanoseconds", n->mtime_ns);
	return check_xattrs(n, err);
}

int erofs_wrap_node(struct firn_error *err, int rc, const struct node *n)
{
	_free_ char *path = NULL;
	char quoted[PATH_QUOTE_MAX];

	if (rc >= 0 || tree_path(n, &path, NULL) < 0)
		return rc;
	return firn_wrap(err, rc, "entry %s", path_quote(path, quoted));
}

size_t erofs_dents(const struct erofs *e, const struct node *dir, size_t first,
		   struct erofs_dent *ret)
{
	const struct erofs_dent dots[] = { { ".", dir, 1 }, { "..", dir->parent, 2 } };
	size_t n = 0, dot = 0;

	for (size_t i = first; i < first + dir->nchildren; i++) {
		const struct node *c = e->order[i];

		while (dot < ARRAY_SIZE(dots) && strcmp(dots[dot].name, c->name) < 0)
			ret[n++] = dots[dot++];
		ret[n++] = (struct erofs_dent){ .name = c->name,
						.node = c->link ? c->link : c,
						.len = (uint16_t)strlen(c->name) };
	}
	while (dot < ARRAY_SIZE(dots))
		ret[n++] = dots[dot++];
	return n;
}

size_t erofs_dents_of_block(const struct erofs *e, const struct erofs_dent *d, size_t n,
			    uint32_t *ret_used)
{
	uint32_t used = 0;
	size_t i;

	for (i = 0; i < n && used + EROFS_DIRENT + d[i].len <= erofs_block(e); i++)
		used += EROFS_DIRENT + d[i].len;
	*ret_used = used;
	return i;
}

static uint64_t dir_bytes(const struct erofs *e, const struct node *dir, size_t first,
			  struct erofs_dent *scratch)
{
	size_t n = erofs_dents(e, dir, first, scratch), at = 0;
	uint64_t bytes = 0;

	while (at < n) {
		uint32_t used;

		at += erofs_dents_of_block(e, scratch + at, n - at, &used);
		bytes += at < n ? erofs_block(e) : used;
	}
	return bytes;
}

size_t erofs_frames_of(const struct erofs *e, const struct node *n, size_t *ret_first)
{
	const struct frames *f = e->frames;
	const uint32_t block = erofs_block(e);
	const size_t first = frames_find(f, n->offset);
	uint64_t at = n->offset, end;
	size_t i;

	if (first == f->n || f->list[first].plain != at ||
	    __builtin_add_overflow(at, n->size, &end))
		return 0;
	*ret_first = first;
	if (f->list[first].stored && n->size <= block && n->size == frames_content(f, first) &&
	    (f->list[first].at + FRAME_STORED_AT) % block == 0)
		return 1;
	for (i = first; at < end && i < f->n; i++) {
		const struct frame *frame = &f->list[i];
		const uint32_t content = frames_content(f, i);

		at += content;
		if (frame->at % block || (at < end && content % block) ||
		    (content <= block && frame->packed > block))
			return 0;
	}
	return at == end ? i - first : 0;
}

/* A block of content that is stored lies in the file like one that isn't compressed. */
static bool is_stored(const struct erofs *e, const struct node *n)
{
	const struct frame *f = &e->frames->list[frames_find(e->frames, n->offset)];

	return f->at % erofs_block(e) != 0;
}

static void shape_chunks(const struct erofs *e, struct erofs_shape *s)
{
	unsigned bits = e->bits;

	if (s->content == 0)
		return;
	while (bits < EROFS_CHUNK_BITS_MAX && s->content > UINT64_C(1) << bits)
		bits++;
	s->layout = EROFS_CHUNK_BASED;
	s->chunk_bits = bits - e->bits;
	s->chunks = ((s->content - 1) >> bits) + 1;
}

/*
 * What is at most half a block goes behind its inode, if it and the xattrs fit one block: older
 * kernels want the inode and a link's target in the same one.
 */
static void shape_flat(const struct erofs *e, struct erofs_shape *s, bool tails)
{
	const uint32_t block = erofs_block(e);
	uint64_t tail = tails ? s->content % block : s->content;

	if (tail && tail <= block / 2 && EROFS_INODE_SIZE + s->xattrs + tail <= block) {
		s->layout = EROFS_FLAT_INLINE;
		s->tail = (uint32_t)tail;
	}
	s->blocks = erofs_align(s->content - s->tail, block) / block;
}

void erofs_shape_of(const struct erofs *e, const struct node *n, struct erofs_shape *ret)
{
	struct erofs_shape s = { .layout = EROFS_FLAT_PLAIN, .xattrs = (uint32_t)xattr_bytes(n) };

	if (n->whiteout) {
		*ret = s;
		return;
	}
	switch (n->mode & S_IFMT) {
	case S_IFREG:
		s.content = n->size;
		if (e->frames && n->size && !is_stored(e, n)) {
			s.layout = EROFS_COMPRESSED_FULL;
			s.clusters = ((n->size - 1) >> e->bits) + 1;
		} else {
			shape_chunks(e, &s);
		}
		break;
	case S_IFDIR:
		s.content = n->pos;
		shape_flat(e, &s, true);
		break;
	case S_IFLNK:
		s.content = strlen(n->target);
		shape_flat(e, &s, false);
		break;
	default:
		break;
	}
	*ret = s;
}

static int check_frames(const struct erofs *e, const struct node *n, struct firn_error *err)
{
	size_t first;

	if (!e->frames || !S_ISREG(n->mode) || !n->size)
		return 0;
	if (n->device || !erofs_frames_of(e, n, &first))
		return firn_fail(err, FIRN_EUNSUPP, "its content is not in frames of its own");
	return 0;
}

/* Check every node and count what the walk will need. */
static int survey(struct erofs *e, size_t *ret_links, struct firn_error *err)
{
	size_t links = 0;

	for (struct node *n = e->tree->root; n; n = tree_next(e->tree, n)) {
		struct node *to = n->link;
		int rc = 0;

		if (!to)
			rc = erofs_check_node(n, err);
		else if (to->link || S_ISDIR(to->mode))
			rc = firn_fail(err, FIRN_EINVAL, "hard link to a folder or another link");
		else if (!to->parent)
			rc = erofs_check_node(to, err);
		if (rc == 0)
			rc = check_frames(e, to ? to : n, err);
		if (rc < 0)
			return erofs_wrap_node(err, rc, n);
		n->nlink = 0;
		if (to) {
			to->nlink = 0;
			links++;
		}
		if (n->nchildren > e->widest)
			e->widest = n->nchildren;
	}
	*ret_links = links;
	return 0;
}

/* A node that was taken out of the tree is no longer its parent's: it comes in by its first link.
 */
static void count_link(struct erofs *e, struct node *to)
{
	if (!to->parent && to->nlink == 0) {
		e->order[e->norder++] = to;
		e->inodes++;
	}
	to->nlink++;
}

static int put_in_order(struct erofs *e, struct firn_error *err)
{
	size_t links = 0;
	int rc = survey(e, &links, err);

	if (rc < 0)
		return rc;
	e->order = calloc(e->tree->count + links, sizeof(struct node *));
	if (!e->order)
		return firn_fail_oom(err, "EROFS index");
	e->order[e->norder++] = e->tree->root;
	for (size_t i = 0; i < e->norder; i++) {
		_free_ struct node **children = NULL;
		struct node *n = e->order[i];

		if (n->nchildren == 0)
			continue;
		rc = tree_sorted(n, &children, err);
		if (rc < 0)
			return rc;
		memcpy(e->order + e->norder, children, n->nchildren * sizeof(struct node *));
		e->norder += n->nchildren;
	}
	e->inodes = e->norder - (uint32_t)links;
	for (size_t i = 0, named = e->norder; i < named; i++) {
		struct node *n = e->order[i];

		if (n->link) {
			count_link(e, n->link);
			continue;
		}
		n->nlink += S_ISDIR(n->mode) ? 2 : 1;
		if (S_ISDIR(n->mode) && n != e->tree->root)
			n->parent->nlink++;
	}
	return 0;
}

static uint64_t place(const struct erofs *e, const struct erofs_shape *s, uint64_t at,
		      uint64_t *ret_end)
{
	const uint32_t block = erofs_block(e);
	uint32_t together = EROFS_INODE_SIZE + (s->tail ? s->xattrs + s->tail : 0);
	uint64_t end;

	at = erofs_align(at, EROFS_SLOT_SIZE);
	if (at % block + together > block)
		at = erofs_align(at, block);
	end = at + EROFS_INODE_SIZE + s->xattrs + s->tail;
	if (s->chunks)
		end = erofs_align(end, EROFS_CHUNK) + s->chunks * EROFS_CHUNK;
	if (s->clusters)
		end = erofs_align(end, EROFS_CLUSTER) + EROFS_MAP_HEADER +
		      s->clusters * EROFS_CLUSTER;
	*ret_end = end;
	return at;
}

static int place_all(struct erofs *e, struct firn_error *err)
{
	_free_ struct erofs_dent *scratch = calloc((size_t)e->widest + 2, sizeof(*scratch));
	uint64_t at = e->start, blocks = 0;
	size_t first = 1;

	if (!scratch)
		return firn_fail_oom(err, "EROFS index");
	for (size_t i = 0; i < e->norder; i++) {
		struct node *n = e->order[i];
		struct erofs_shape s;

		if (n->link)
			continue;
		if (S_ISDIR(n->mode)) {
			n->pos = dir_bytes(e, n, first, scratch);
			first += n->nchildren;
		}
		erofs_shape_of(e, n, &s);
		if (s.content >> e->bits > UINT32_MAX)
			return erofs_wrap_node(err, firn_fail(err, FIRN_EUNSUPP, "is too large"),
					       n);
		n->nid = place(e, &s, at, &at) / EROFS_SLOT_SIZE;
		blocks += s.blocks;
		e->chunked |= s.chunks > 0;
		e->packed |= s.clusters > 0;
	}
	e->root = e->order[0]->nid;
	e->data = erofs_align(at, erofs_block(e));
	e->end = e->data + blocks * erofs_block(e);
	if ((e->base + e->end) >> e->bits > UINT32_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "EROFS index: lies behind the last block");
	return 0;
}

static int copy_options(struct erofs *e, const struct erofs_opts *opts, struct firn_error *err)
{
	const uint64_t table = EROFS_SUPER_AT + EROFS_SUPER_SIZE;

	if (opts->block_bits < 9 || opts->block_bits > 12)
		return firn_fail(err, FIRN_EINVAL, "EROFS index: blocks of 2^%u bytes",
				 opts->block_bits);
	e->bits = opts->block_bits;
	e->meta_at = opts->meta_at;
	e->frames = opts->frames;
	e->ndevices = opts->ndevices;
	e->devices = calloc((size_t)e->ndevices + 1, sizeof(*e->devices));
	if (!e->devices)
		return firn_fail_oom(err, "EROFS index");
	if (e->ndevices)
		memcpy(e->devices, opts->devices, e->ndevices * sizeof(*e->devices));
	e->start = table + (uint64_t)e->ndevices * EROFS_DEVT_SIZE;
	if (e->meta_at && (e->meta_at % erofs_block(e) || e->meta_at < erofs_head_bytes(e)))
		return firn_fail(err, FIRN_EINVAL, "EROFS index: no place for it at %llu",
				 (unsigned long long)e->meta_at);
	if (e->meta_at)
		e->start = e->meta_at;
	e->base = e->start / erofs_block(e) * erofs_block(e);
	e->start -= e->base;
	return 0;
}

int erofs_plan(struct tree *tree, const struct erofs_opts *opts, struct erofs **ret,
	       struct firn_error *err)
{
	_cleanup_(erofs_freep) struct erofs *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return firn_fail_oom(err, "EROFS index");
	e->tree = tree;
	rc = copy_options(e, opts, err);
	if (rc == 0)
		rc = put_in_order(e, err);
	if (rc == 0)
		rc = place_all(e, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&e);
	return 0;
}

struct erofs *erofs_free(struct erofs *e)
{
	if (e) {
		free(e->devices);
		free(e->order);
	}
	free(e);
	return NULL;
}

void erofs_freep(struct erofs **e)
{
	*e = erofs_free(*e);
}

uint64_t erofs_head_bytes(const struct erofs *e)
{
	uint64_t end = EROFS_SUPER_AT + EROFS_SUPER_SIZE + (uint64_t)e->ndevices * EROFS_DEVT_SIZE;

	return erofs_align(end, erofs_block(e));
}

uint64_t erofs_meta_bytes(const struct erofs *e)
{
	return e->meta_at ? e->end : e->base + e->end - erofs_head_bytes(e);
}
