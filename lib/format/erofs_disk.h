/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * EROFS on disk, as far as firn writes it, and the plan that its parts share: erofs_plan.c places
 * every node, erofs_put.c encodes each structure, erofs_emit.c writes all of them in order. Offsets
 * and names are those of the kernel's fs/erofs/erofs_fs.h; everything is little endian.
 */
#ifndef FIRN_FORMAT_EROFS_DISK_H
#define FIRN_FORMAT_EROFS_DISK_H

#include "format/erofs.h"

#define EROFS_MAGIC      0xE0F5E1E2u /* EROFS_SUPER_MAGIC_V1 */
#define EROFS_SUPER_SIZE 128u
#define EROFS_SLOT_SIZE  32u  /* inodes lie at multiples of it: the unit of a nid */
#define EROFS_INODE_SIZE 64u  /* erofs_inode_extended */
#define EROFS_DEVT_SIZE  128u /* erofs_deviceslot */
#define EROFS_DIRENT     12u
#define EROFS_CHUNK      8u /* erofs_inode_chunk_index */
/* z_erofs_map_header, 8 bytes that nobody uses, then a z_erofs_lcluster_index for each block */
#define EROFS_MAP_HEADER 16u
#define EROFS_CLUSTER    8u

/* feature_compat */
#define EROFS_COMPAT_SB_CHKSUM 0x1u
#define EROFS_COMPAT_MTIME     0x2u
/* feature_incompat */
#define EROFS_INCOMPAT_ZERO_PADDING 0x1u
#define EROFS_INCOMPAT_COMPR_CFGS   0x2u /* and BIG_PCLUSTER */
#define EROFS_INCOMPAT_CHUNKED_FILE 0x4u
#define EROFS_INCOMPAT_DEVICE_TABLE 0x8u

#define EROFS_CHUNK_INDEXES 0x20u /* EROFS_CHUNK_FORMAT_INDEXES */
/* The kernel shifts an unsigned long by the bits of a chunk: keep 32-bit machines well defined. */
#define EROFS_CHUNK_BITS_MAX 31u

/* i_xattr_icount is (bytes - 12) / 4 + 1 in 16 bits */
#define EROFS_XATTR_HEADER    12u
#define EROFS_XATTR_BYTES_MAX (EROFS_XATTR_HEADER + 4u * (UINT16_MAX - 1u))
/* new_encode_dev() has 12 bits for the major and 20 for the minor number. */
#define EROFS_MAJOR_MAX 0xfffu
#define EROFS_MINOR_MAX 0xfffffu

#define EROFS_COMPRESSION_ZSTD 3u   /* Z_EROFS_COMPRESSION_ZSTD */
#define EROFS_BIG_PCLUSTER_1   0x2u /* Z_EROFS_ADVISE_BIG_PCLUSTER_1 */
#define EROFS_CLUSTER_HEAD1    1u   /* Z_EROFS_LCLUSTER_TYPE_HEAD1 */
#define EROFS_CLUSTER_NONHEAD  2u
#define EROFS_CLUSTER_BLOCKS   0x800u /* Z_EROFS_LI_D0_CBLKCNT: a count, not a distance */

enum erofs_layout {
	EROFS_FLAT_PLAIN = 0,
	EROFS_COMPRESSED_FULL = 1,
	EROFS_FLAT_INLINE = 2,
	EROFS_CHUNK_BASED = 4,
};

struct erofs {
	struct tree *tree;
	struct erofs_device *devices;
	uint16_t ndevices;
	const struct frames *frames;
	unsigned bits;
	uint64_t meta_at;
	uint64_t base;  /* where nid 0 is in the image: a multiple of the block size */
	uint64_t start; /* where inodes begin, from base */
	uint64_t root;  /* the nid of the first of them: small enough for rb.rootnid_2b */
	uint64_t data;  /* where the blocks of folders and long links begin, from base */
	uint64_t end;   /* of everything, from base: a multiple of the block size */
	/*
	 * Every node, breadth first, a folder's children in strcmp order: so they lie in one row,
	 * and a running sum of nchildren says where. Hard links have a place in it but no inode. At
	 * the end, content that only hard links still lead to.
	 */
	struct node **order;
	uint32_t norder;
	uint32_t inodes;
	uint32_t widest;      /* most children of one folder */
	bool chunked, packed; /* some file is */
};

/* What follows an inode, and what lies apart. */
struct erofs_shape {
	enum erofs_layout layout;
	uint32_t xattrs;     /* bytes behind the inode */
	uint32_t tail;       /* bytes inline behind the xattrs */
	uint64_t content;    /* i_size */
	uint64_t blocks;     /* whole blocks elsewhere in the metadata */
	uint64_t chunks;     /* chunk indexes behind the xattrs, 8-aligned */
	unsigned chunk_bits; /* log2 of a chunk's blocks */
	uint64_t clusters;   /* lcluster indexes behind the map header, 8-aligned */
};

void erofs_shape_of(const struct erofs *e, const struct node *n, struct erofs_shape *ret);

struct erofs_dent {
	const char *name;
	const struct node *node; /* never a hard link */
	uint16_t len;
};

/*
 * The entries of @dir, whose children begin at order[@first], with "." and "..", as they are
 * stored. @ret has room for nchildren + 2. Returns how many.
 */
size_t erofs_dents(const struct erofs *e, const struct node *dir, size_t first,
		   struct erofs_dent *ret);
/* How many of @n entries fit the next block; @ret_used receives the bytes they take. */
size_t erofs_dents_of_block(const struct erofs *e, const struct erofs_dent *d, size_t n,
			    uint32_t *ret_used);

/* The index of an xattr's namespace and the name behind it; 0 when EROFS has none for it. */
uint8_t erofs_xattr_index(const char *name, const char **ret_rest);
/* An opaque folder's own mark, which replaces what the tree has under that name. */
#define EROFS_OPAQUE "trusted.overlay.opaque"
bool erofs_xattr_hidden(const struct node *n, const struct xattr *x);

/*
 * The frames that are the content of @n, which is in frames: the first one, and how many. 0 when
 * they don't begin and end with it, or are not as bytes/frame_writer.h makes them.
 */
size_t erofs_frames_of(const struct erofs *e, const struct node *n, size_t *ret_first);
/* Blocks of the @i -th frame. */
static inline uint32_t erofs_frame_blocks(const struct erofs *e, size_t i)
{
	return (e->frames->list[i].packed + (1u << e->bits) - 1) >> e->bits;
}

/* An inode, the block of its content being @block; what follows it has a function of its own. */
void erofs_put_inode(const struct node *n, const struct erofs_shape *s, uint64_t block,
		     uint32_t ino, uint8_t *p);
void erofs_put_xattrs(uint8_t *p, const struct node *n);
void erofs_put_dents(const struct erofs_dent *d, size_t n, uint8_t *p);
int erofs_check_place(const struct erofs *e, const struct node *n, uint64_t image_bytes,
		      struct firn_error *err) _must_check_;
void erofs_put_chunks(const struct erofs *e, const struct node *n, const struct erofs_shape *s,
		      uint8_t *p);
/* @head holds the head's bytes from offset 1024 on. */
void erofs_put_super(const struct erofs *e, uint64_t image_bytes, struct buf *head);
int erofs_wrap_node(struct firn_error *err, int rc, const struct node *n);

static inline uint64_t erofs_align(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

static inline uint32_t erofs_block(const struct erofs *e)
{
	return 1u << e->bits;
}

#endif
