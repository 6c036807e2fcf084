/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/erofs_disk.h"

#include "bytes/codec_frame.h"

#include <string.h>

/* CRC-32C (Castagnoli), reflected, without the final inversion: what the superblock holds. */
static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	while (n--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return crc;
}

static uint8_t file_type(const struct node *n)
{
	if (n->whiteout)
		return 3;
	switch (n->mode & S_IFMT) { /* EROFS_FT_* */
	case S_IFREG:
		return 1;
	case S_IFDIR:
		return 2;
	case S_IFCHR:
		return 3;
	case S_IFBLK:
		return 4;
	case S_IFIFO:
		return 5;
	case S_IFSOCK:
		return 6;
	default:
		return 7;
	}
}

static uint32_t device_number(const struct node *n)
{
	if (n->whiteout || !(S_ISCHR(n->mode) || S_ISBLK(n->mode)))
		return 0;
	return (n->minor & 0xff) | n->major << 8 | (n->minor & ~0xffu) << 12;
}

static uint8_t *put_xattr(uint8_t *p, const char *name, const void *value, uint32_t len)
{
	const char *rest = "";
	uint8_t index = erofs_xattr_index(name, &rest);
	size_t rest_len = strlen(rest);

	p[0] = (uint8_t)rest_len;
	p[1] = index;
	put_le16(p + 2, (uint16_t)len);
	memcpy(p + 4, rest, rest_len);
	memcpy(p + 4 + rest_len, value, len);
	return p + erofs_align(4 + rest_len + len, 4);
}

void erofs_put_xattrs(uint8_t *p, const struct node *n)
{
	p += EROFS_XATTR_HEADER;
	if (n->opaque)
		p = put_xattr(p, EROFS_OPAQUE, "y", 1);
	for (const struct xattr *x = n->xattrs; x; x = x->next)
		if (!erofs_xattr_hidden(n, x))
			p = put_xattr(p, x->name, x->value, x->len);
}

void erofs_put_dents(const struct erofs_dent *d, size_t n, uint8_t *p)
{
	uint8_t *name = p + n * EROFS_DIRENT;

	for (size_t i = 0; i < n; i++, p += EROFS_DIRENT, name += d[i - 1].len) {
		put_le64(p, d[i].node->nid);
		put_le16(p + 8, (uint16_t)(name - (p - i * EROFS_DIRENT)));
		p[10] = file_type(d[i].node);
		memcpy(name, d[i].name, d[i].len);
	}
}

int erofs_check_place(const struct erofs *e, const struct node *n, uint64_t image_bytes,
		      struct firn_error *err)
{
	uint64_t end, size = image_bytes;

	if (n->device > e->ndevices)
		return firn_fail(err, FIRN_EINVAL, "lies on device %u of %u", n->device,
				 e->ndevices);
	if (n->device)
		size = e->devices[n->device - 1].bytes;
	if (n->offset % erofs_block(e))
		return firn_fail(err, FIRN_EUNSUPP, "its content begins at %llu, within a block",
				 (unsigned long long)n->offset);
	if (__builtin_add_overflow(n->offset, n->size, &end) || (size && end > size))
		return firn_fail(err, FIRN_ECORRUPT, "its content ends behind the file it lies in");
	if (end >> e->bits > UINT32_MAX)
		return firn_fail(err, FIRN_EUNSUPP, "its content lies behind the last block");
	return 0;
}

void erofs_put_chunks(const struct erofs *e, const struct node *n, const struct erofs_shape *s,
		      uint8_t *p)
{
	uint64_t block = n->offset >> e->bits;

	for (uint64_t i = 0; i < s->chunks; i++, p += EROFS_CHUNK) {
		put_le16(p, 0); /* startblk_hi */
		put_le16(p + 2, n->device);
		put_le32(p + 4, (uint32_t)(block + (i << s->chunk_bits)));
	}
}

void erofs_put_inode(const struct node *n, const struct erofs_shape *s, uint64_t block,
		     uint32_t ino, uint8_t *p)
{
	static const struct node whiteout = { .mode = S_IFCHR };
	const struct node *as = n->whiteout ? &whiteout : n;
	uint32_t u = device_number(n); /* i_u */

	if (s->layout == EROFS_CHUNK_BASED)
		u = s->chunk_bits | EROFS_CHUNK_INDEXES;
	else if (s->blocks || s->clusters)
		u = (uint32_t)block;
	put_le16(p, (uint16_t)(1 | s->layout << 1));
	put_le16(p + 2, (uint16_t)(s->xattrs ? (s->xattrs - EROFS_XATTR_HEADER) / 4 + 1 : 0));
	put_le16(p + 4, (uint16_t)as->mode);
	put_le64(p + 8, s->content);
	put_le32(p + 16, u);
	put_le32(p + 20, ino);
	put_le32(p + 24, as->uid);
	put_le32(p + 28, as->gid);
	put_le64(p + 32, (uint64_t)as->mtime);
	put_le32(p + 40, as->mtime_ns);
	put_le32(p + 44, n->nlink);
}

static void put_devices(const struct erofs *e, uint8_t *p)
{
	for (uint16_t i = 0; i < e->ndevices; i++, p += EROFS_DEVT_SIZE) {
		uint64_t blocks = erofs_align(e->devices[i].bytes, erofs_block(e)) >> e->bits;

		memcpy(p, e->devices[i].tag, strnlen(e->devices[i].tag, 64));
		put_le32(p + 64, (uint32_t)blocks);
		put_le16(p + 72, (uint16_t)(blocks >> 32));
	}
}

/*
 * @sb is offset 1024; the whole block that the checksum covers is there, and complete. Small blocks
 * go without, as mkfs.erofs leaves them: fsck.erofs 1.8 counts on the superblock being in block 0.
 */
void erofs_put_super(const struct erofs *e, uint64_t image_bytes, struct buf *head)
{
	uint8_t *sb = head->data;
	const uint32_t block = erofs_block(e);
	uint32_t compat = EROFS_COMPAT_MTIME, incompat = 0;

	if (block > EROFS_SUPER_AT)
		compat |= EROFS_COMPAT_SB_CHKSUM;
	if (e->chunked)
		incompat |= EROFS_INCOMPAT_CHUNKED_FILE;
	if (e->ndevices)
		incompat |= EROFS_INCOMPAT_DEVICE_TABLE;
	if (e->packed)
		incompat |= EROFS_INCOMPAT_ZERO_PADDING | EROFS_INCOMPAT_COMPR_CFGS;
	put_devices(e, sb + EROFS_SUPER_SIZE);
	put_le32(sb, EROFS_MAGIC);
	put_le32(sb + 8, compat);
	sb[12] = (uint8_t)e->bits;
	put_le16(sb + 14, (uint16_t)e->root);
	put_le64(sb + 16, e->inodes);
	put_le32(sb + 36, (uint32_t)(erofs_align(image_bytes, block) >> e->bits));
	put_le32(sb + 40, (uint32_t)(e->base >> e->bits)); /* meta_blkaddr */
	put_le32(sb + 80, incompat);
	put_le16(sb + 86, e->ndevices);
	put_le16(sb + 88, e->ndevices ? (EROFS_SUPER_AT + EROFS_SUPER_SIZE) / EROFS_DEVT_SIZE : 0);
	if (e->packed) {
		/* z_erofs_zstd_cfgs behind its length: format 0, window */
		put_le16(sb + 84, 1u << EROFS_COMPRESSION_ZSTD); /* available_compr_algs */
		put_le16(sb + EROFS_SUPER_SIZE, 6);
		sb[EROFS_SUPER_SIZE + 3] = CODEC_FRAME_WINDOW_LOG - 10;
	}
	if (compat & EROFS_COMPAT_SB_CHKSUM)
		put_le32(sb + 4, crc32c(~UINT32_C(0), sb, block - EROFS_SUPER_AT));
}
