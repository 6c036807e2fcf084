/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of the tar reader, for lib/format/tar*.c only: bytes in, structs out.
 *
 *   tar_input   the uncompressed bytes, one after the other (tar_xz, tar_filter: bzip2)
 *   tar_header  one 512-byte header block (POSIX.1-2008 pax, "ustar Interchange Format"; tar(5))
 *   tar_pax     the records of an extended header ("pax Extended Header")
 *   tar_entry   header and records to entry
 */
#ifndef FIRN_FORMAT_TAR_PRIVATE_H
#define FIRN_FORMAT_TAR_PRIVATE_H

#include "format/tar.h"

#define TAR_BLOCK       512
#define TAR_EXTRA_MAX   (1u << 20)   /* bytes of an extended header or a GNU long name */
#define TAR_PAYLOAD_MAX (1ull << 50) /* bytes of one payload that are believed at all */
#define TAR_TARGET_MAX  4095         /* bytes of a symbolic link: PATH_MAX less its NUL */
#define TAR_RATIO       200
#define TAR_RATIO_FROM  (1ull << 30) /* unpacked bytes from which the ratio is looked at */
/* Memory for xz, whose archives say what they take: xz -6 9 MiB, xz -9 65. */
#define TAR_XZ_MEMORY_MAX (72u << 20)

struct tar_input;

/* Both borrow what they read from. @ratio 0 stands for TAR_RATIO. */
int tar_input_from_stream(struct istream *in, uint64_t ratio, struct tar_input **ret,
			  struct firn_error *err) _must_check_;
int tar_input_from_source(struct source *src, uint64_t ratio, struct tar_input **ret,
			  struct firn_error *err) _must_check_;
void tar_input_close(struct tar_input *in); /* NULL is fine */
bool tar_input_compressed(const struct tar_input *in);
const char *tar_input_packing(const struct tar_input *in);
/* Uncompressed bytes that were read or skipped. */
uint64_t tar_input_at(const struct tar_input *in);
/* Uncompressed bytes that there still are; UINT64_MAX when nobody can know. */
uint64_t tar_input_left(const struct tar_input *in);
/* 1..n bytes, 0 at the end. */
ssize_t tar_input_read(struct tar_input *in, void *buf, size_t n,
		       struct firn_error *err) _must_check_;
/* Up to @n bytes; fewer at the end only. */
ssize_t tar_input_read_full(struct tar_input *in, void *buf, size_t n,
			    struct firn_error *err) _must_check_;
/* Pass over @n bytes; -FIRN_ECORRUPT when they aren't all there. */
int tar_input_skip(struct tar_input *in, uint64_t n, struct firn_error *err) _must_check_;
/* A stream is read to its end, so that its truncation and its checksum show. */
int tar_input_drain(struct tar_input *in, struct firn_error *err) _must_check_;

/* Decompress xz or bzip2. Take @in, also on failure. */
int tar_xz(struct istream *in, struct istream **ret, struct firn_error *err) _must_check_;
int tar_filter(struct istream *in, struct istream **ret, struct firn_error *err) _must_check_;

struct tar_header {
	char type;
	char name[155 + 1 + 100 + 1]; /* prefix and name joined */
	char link[100 + 1];
	uint32_t mode; /* permissions alone */
	int64_t uid, gid, size, mtime;
	int64_t major, minor; /* types '3' and '4' */
};

/* 1 a header, 0 a block of zeros; a wrong checksum or number is -FIRN_ECORRUPT. */
int tar_header_parse(const uint8_t block[TAR_BLOCK], struct tar_header *ret,
		     struct firn_error *err) _must_check_;

/* What extended headers say; a number counts when its has_ is set. All owned. */
struct tar_pax {
	char *path, *linkpath;
	bool has_size, has_uid, has_gid, has_mtime;
	bool sparse;
	uint64_t size;
	uint32_t uid, gid;
	int64_t mtime;
	uint32_t mtime_ns;
	struct xattr *xattrs;
};

int tar_pax_parse(const uint8_t *bytes, size_t n, struct tar_pax *ret,
		  struct firn_error *err) _must_check_;
void tar_pax_done(struct tar_pax *p);

/* What stands in front of an entry's own header. */
struct tar_extra {
	bool any, has_pax;
	struct tar_pax pax;
	char *name, *link; /* GNU: types 'L' and 'K' */
};

void tar_extra_done(struct tar_extra *x);

/*
 * The entry that @h and @x describe; its payload begins where @in stands. The xattrs move over from
 * @x.
 */
int tar_entry_build(struct tar_extra *x, const struct tar_header *h, const struct tar_input *in,
		    struct tar_entry *ret, struct firn_error *err) _must_check_;
void tar_entry_done(struct tar_entry *e);

#endif
