/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "erofs_read.h"

#include "base/fd.h"
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct inode {
	uint64_t at, size, nid;
	unsigned layout, xattr_bytes, mode, nlink;
	uint32_t u, uid, gid, ns;
	int64_t mtime;
};

static const uint8_t *bytes_at(const struct erofs_image *im, uint64_t pos, uint64_t n)
{
	ck_assert_msg(pos <= im->size && n <= im->size - pos, "%" PRIu64 "+%" PRIu64 " of %zu", pos,
		      n, im->size);
	return im->bytes + pos;
}

static uint64_t le(const uint8_t *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* A table of 256, to differ from the writer's way. */
static uint32_t crc(const uint8_t *p, size_t n)
{
	uint32_t table[256], c = ~0u;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82f63b78u : table[i] >> 1;
	}
	for (size_t i = 0; i < n; i++)
		c = table[(c ^ p[i]) & 0xff] ^ c >> 8;
	return c;
}

void erofs_image_open(struct erofs_image *ret, const uint8_t *bytes, size_t size)
{
	struct erofs_image im = { .bytes = bytes, .size = size };
	uint8_t block[4096];
	const uint8_t *sb = bytes_at(&im, 1024, 128);
	size_t len;

	ck_assert_uint_eq(le(sb, 4), 0xE0F5E1E2u);
	im.bits = sb[12];
	ck_assert(im.bits >= 9 && im.bits <= 12);
	ck_assert_uint_eq(sb[13], 0);
	ck_assert_uint_eq(sb[90], 0);
	if (im.bits > 10) {
		len = (1u << im.bits) - 1024;
		memcpy(block, bytes_at(&im, 1024, len), len);
		memset(block + 4, 0, 4);
		ck_assert_uint_eq(le(sb + 4, 4), crc(block, len));
	}
	ck_assert_uint_eq(le(sb + 8, 4), im.bits > 10 ? 3 : 2);
	ck_assert_uint_eq(le(sb + 80, 4) & ~0xcu, 0);
	im.root = le(sb + 14, 2);
	im.inodes = le(sb + 16, 8);
	im.blocks = le(sb + 36, 4);
	im.meta = le(sb + 40, 4) << im.bits;
	im.devices = (uint16_t)le(sb + 86, 2);
	ck_assert_uint_eq(!!(le(sb + 80, 4) & 8), im.devices > 0);
	if (im.devices)
		im.device_table = bytes_at(&im, le(sb + 88, 2) * 128, im.devices * 128u);
	ck_assert_uint_le((size - 1) >> im.bits, im.blocks - 1);
	*ret = im;
}

static struct inode inode_at(const struct erofs_image *im, uint64_t nid)
{
	struct inode i = { .nid = nid, .at = im->meta + nid * 32 };
	const uint8_t *p = bytes_at(im, i.at, 64);

	ck_assert_uint_eq(i.at >> im->bits, (i.at + 63) >> im->bits);
	ck_assert_uint_eq(le(p, 2) & 1, 1);
	i.layout = (unsigned)le(p, 2) >> 1;
	i.xattr_bytes = le(p + 2, 2) ? (unsigned)(12 + 4 * (le(p + 2, 2) - 1)) : 0;
	i.mode = (unsigned)le(p + 4, 2);
	i.size = le(p + 8, 8);
	i.u = (uint32_t)le(p + 16, 4);
	i.uid = (uint32_t)le(p + 24, 4);
	i.gid = (uint32_t)le(p + 28, 4);
	i.mtime = (int64_t)le(p + 32, 8);
	i.ns = (uint32_t)le(p + 40, 4);
	i.nlink = (unsigned)le(p + 44, 4);
	return i;
}

/* The part of a flat inode's content that lies in the block of offset @at. */
static const uint8_t *flat_block(const struct erofs_image *im, const struct inode *i, uint64_t at,
				 uint64_t *ret_len)
{
	const uint64_t block = UINT64_C(1) << im->bits;
	uint64_t left = i->size - at, pos = ((uint64_t)i->u << im->bits) + at;

	ck_assert_uint_eq(at % block, 0);
	*ret_len = left < block ? left : block;
	if (i->layout == 2 && left < block) {
		pos = i->at + 64 + i->xattr_bytes;
		ck_assert_uint_eq(pos >> im->bits, (pos + left - 1) >> im->bits);
		if (S_ISLNK(i->mode)) /* kernels before 6.12 look at the inode's own block */
			ck_assert_uint_eq(i->at >> im->bits, (pos + left - 1) >> im->bits);
	} else {
		ck_assert(i->layout == 0 || i->layout == 2);
	}
	return bytes_at(im, pos, *ret_len);
}

static void list_xattrs(const struct erofs_image *im, const struct inode *i, struct buf *out)
{
	static const char *const prefixes[] = {
		NULL, "user.",    "system.posix_acl_access", "system.posix_acl_default", "trusted.",
		NULL, "security."
	};
	const uint8_t *p, *end;

	if (i->xattr_bytes == 0)
		return;
	p = bytes_at(im, i->at + 64, i->xattr_bytes);
	end = p + i->xattr_bytes;
	ck_assert_uint_eq(le(p, 8), 0);
	for (p += 12; p < end;) {
		size_t name = p[0], len = le(p + 2, 2);

		ck_assert_uint_le(4 + name + len, (size_t)(end - p));
		ck_assert_uint_lt(p[1], ARRAY_SIZE(prefixes));
		ck_assert_ptr_nonnull(prefixes[p[1]]);
		buf_printf(out, " %s%.*s=", prefixes[p[1]], (int)name, (const char *)p + 4);
		for (size_t k = 0; k < len; k++)
			buf_printf(out, "%02x", p[4 + name + k]);
		p += (4 + name + len + 3) / 4 * 4;
	}
	ck_assert_ptr_eq(p, end);
}

static void list_chunks(const struct erofs_image *im, const struct inode *i, struct buf *out)
{
	uint64_t at = (i->at + 64 + i->xattr_bytes + 7) / 8 * 8, chunk, first = 0, first_device = 0;

	if (i->size == 0) {
		buf_puts(out, " size=0");
		return;
	}
	ck_assert_uint_eq(i->layout, 4);
	ck_assert_uint_eq(i->u & ~0x1fu, 0x20);
	chunk = UINT64_C(1) << (im->bits + (i->u & 0x1f));
	for (uint64_t k = 0; k * chunk < i->size; k++) {
		const uint8_t *p = bytes_at(im, at + 8 * k, 8);
		uint64_t pos = (le(p, 2) << 32 | le(p + 4, 4)) << im->bits;

		if (k == 0) {
			first = pos;
			first_device = le(p + 2, 2);
		}
		ck_assert_uint_eq(pos, first + k * chunk);
		ck_assert_uint_eq(le(p + 2, 2), first_device);
	}
	buf_printf(out, " size=%" PRIu64 " dev=%" PRIu64 " at=%" PRIu64, i->size, first_device,
		   first);
}

static void list_node(const struct erofs_image *im, const struct inode *i, const char *path,
		      struct buf *out)
{
	uint64_t len;

	buf_printf(out, "%s %o %u %u %u %" PRId64 ".%09u", *path ? path : ".", i->mode, i->nlink,
		   i->uid, i->gid, i->mtime, i->ns);
	if (S_ISREG(i->mode))
		list_chunks(im, i, out);
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		buf_printf(out, " rdev=%u:%u", i->u >> 8 & 0xfff,
			   (i->u & 0xff) | (i->u >> 12 & 0xfff00));
	if (S_ISLNK(i->mode)) {
		buf_puts(out, " -> ");
		for (uint64_t at = 0; at < i->size; at += len) {
			const uint8_t *p = flat_block(im, i, at, &len);

			buf_put(out, p, len);
		}
	}
	list_xattrs(im, i, out);
	buf_puts(out, "\n");
}

struct walk {
	const struct erofs_image *im;
	struct buf *out;
	char last[256];
	int entries;
	bool dot, dotdot;
};

static void list_dir(const struct erofs_image *im, const struct inode *dir, uint64_t parent,
		     const char *path, struct buf *out);

static void list_entry(struct walk *w, const struct inode *dir, uint64_t parent, const char *path,
		       const char *name, const uint8_t *dirent)
{
	static const unsigned types[] = { 0,       S_IFREG, S_IFDIR,  S_IFCHR,
					  S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK };
	struct inode i = inode_at(w->im, le(dirent, 8));
	char child[8192];

	ck_assert_msg(w->entries == 0 || strcmp(w->last, name) < 0, "%s before %s", w->last, name);
	strcpy(w->last, name);
	w->entries++;
	ck_assert_uint_eq(types[dirent[10]], i.mode & S_IFMT);
	if (strcmp(name, ".") == 0) {
		w->dot = true;
		ck_assert_uint_eq(i.nid, dir->nid);
	} else if (strcmp(name, "..") == 0) {
		w->dotdot = true;
		ck_assert_uint_eq(i.nid, parent);
	} else {
		snprintf(child, sizeof(child), "%s%s%s", path, *path ? "/" : "", name);
		list_node(w->im, &i, child, w->out);
		if (S_ISDIR(i.mode))
			list_dir(w->im, &i, dir->nid, child, w->out);
	}
}

static void list_dir(const struct erofs_image *im, const struct inode *dir, uint64_t parent,
		     const char *path, struct buf *out)
{
	struct walk w = { .im = im, .out = out };
	uint64_t len;

	for (uint64_t at = 0; at < dir->size; at += len) {
		const uint8_t *p = flat_block(im, dir, at, &len);
		size_t n = le(p + 8, 2) / 12;

		ck_assert_uint_eq(le(p + 8, 2) % 12, 0);
		for (size_t k = 0; k < n; k++) {
			size_t from = le(p + k * 12 + 8, 2);
			size_t to = k + 1 < n ? le(p + (k + 1) * 12 + 8, 2) : len;
			char name[256];

			ck_assert(from < to && to <= len && to - from <= 4096);
			snprintf(name, sizeof(name), "%.*s",
				 (int)strnlen((const char *)p + from, to - from),
				 (const char *)p + from);
			list_entry(&w, dir, parent, path, name, p + k * 12);
		}
	}
	ck_assert(w.dot && w.dotdot);
}

void erofs_image_list(const struct erofs_image *im, struct buf *ret)
{
	struct inode root = inode_at(im, im->root);

	list_node(im, &root, "", ret);
	list_dir(im, &root, root.nid, "", ret);
	ck_assert(!ret->oom);
}

static void expect_node(const struct node *n, const char *path, struct buf *out)
{
	const struct node *as = n->link ? n->link : n;
	struct node plain = *as;

	if (as->whiteout)
		plain = (struct node){ .mode = S_IFCHR, .nlink = as->nlink };
	buf_printf(out, "%s %o %u %u %u %" PRId64 ".%09u", *path ? path : ".", plain.mode,
		   plain.nlink, plain.uid, plain.gid, plain.mtime, plain.mtime_ns);
	if (S_ISREG(plain.mode) && plain.size)
		buf_printf(out, " size=%" PRIu64 " dev=%u at=%" PRIu64, plain.size, plain.device,
			   plain.offset);
	else if (S_ISREG(plain.mode))
		buf_puts(out, " size=0");
	if (S_ISCHR(plain.mode) || S_ISBLK(plain.mode))
		buf_printf(out, " rdev=%u:%u", plain.major, plain.minor);
	if (S_ISLNK(plain.mode))
		buf_printf(out, " -> %s", plain.target);
	if (plain.opaque)
		buf_puts(out, " trusted.overlay.opaque=79");
	for (const struct xattr *x = plain.xattrs; x; x = x->next) {
		buf_printf(out, " %s=", x->name);
		for (uint32_t i = 0; i < x->len; i++)
			buf_printf(out, "%02x", x->value[i]);
	}
	buf_puts(out, "\n");
}

void tree_list(const struct node *n, struct buf *out)
{
	struct firn_error err = { 0 };
	_free_ struct node **children = NULL;
	_free_ char *path = NULL;

	ck_ok(tree_path(n, &path, &err), err);
	expect_node(n, path, out);
	ck_ok(tree_sorted(n, &children, &err), err);
	for (size_t i = 0; children[i]; i++)
		tree_list(children[i], out);
}
