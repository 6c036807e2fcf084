/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open files: files.img has one record for each that the processes had open, fdinfo-ID.img the
 * descriptors of a process (or of several that share them) and which file each one is.
 */
#ifndef FIRN_FORMAT_CRIU_FILES_H
#define FIRN_FORMAT_CRIU_FILES_H

#include "format/criu.h"

/* fdinfo.proto: fd_types */
enum criu_file_type {
	CRIU_FILE_REG = 1,
	CRIU_FILE_PIPE = 2,
	CRIU_FILE_FIFO = 3,
	CRIU_FILE_INETSK = 4,
	CRIU_FILE_UNIXSK = 5,
	CRIU_FILE_PACKETSK = 10,
	CRIU_FILE_TTY = 11,
	CRIU_FILE_NETLINKSK = 13,
};

/* CRIU's word for a type, "REG"; NULL for one that is not known here. */
const char *criu_file_type_name(uint32_t type);

#define CRIU_ADDRESS_MAX 16

struct criu_socket {
	uint32_t family, type, protocol, state;
	uint32_t inode, peer;               /* of a unix socket: inode of the other end */
	uint32_t send_bytes, receive_bytes; /* buffers */
	uint32_t backlog;
	uint32_t src_port, dst_port;
	uint8_t src[CRIU_ADDRESS_MAX], dst[CRIU_ADDRESS_MAX]; /* network byte order */
	uint32_t src_len, dst_len;                            /* 4, 16, or 0: none */
	const char *interface;                                /* it is bound to, or NULL */
	const uint8_t *name; /* a unix socket's; NULs may be in it */
	size_t name_len;
	bool external; /* a unix socket of a process outside of the dump */
	bool v6only;   /* an IPv6 socket that takes no IPv4 */
};

/* Pointers live until the call returns. */
struct criu_file {
	uint32_t id, type; /* type: enum criu_file_type, or another */
	const char *path;  /* a regular file's or folder's; else NULL */
	uint32_t flags;    /* as open(2) has them */
	uint32_t mode;     /* 0: not recorded */
	uint64_t size, position;
	bool has_size; /* CRIU wants this size back */
	bool external; /* who restores it hands in its descriptor */
	int32_t mount; /* id of the mount that it is on; -1: not recorded */
	const uint32_t
	    *build_id;         /* of a program or library, in words of the dumping host's order */
	size_t build_id_len;   /* words; 0: not recorded */
	uint32_t pipe;         /* number of a pipe */
	uint32_t memfd;        /* of memfd.img: which one it is; 0: none */
	uint32_t regular_file; /* id of the file that a fifo or terminal has in the tree; 0: none */
	bool is_socket;
	struct criu_socket socket;
};

typedef int criu_file_fn(const struct criu_file *f, void *ctx, struct firn_error *err);

/* 1, or 0 when there is no files.img. */
int criu_each_file(struct criu_images *images, criu_file_fn *take, void *ctx,
		   struct firn_error *err) _must_check_;

/* remap-file-path.proto: remap_type */
enum criu_remap_type {
	CRIU_REMAP_LINKED, /* the file @to is the same one: CRIU had made a link to it */
	CRIU_REMAP_GHOST,  /* deleted, and its content is ghost-file-@to.img */
	CRIU_REMAP_PROCFS, /* of the process @to, which has ended */
};

/* A file that had no name any more. */
struct criu_remap {
	uint32_t file, to;
	enum criu_remap_type type;
};

typedef int criu_remap_fn(const struct criu_remap *r, void *ctx, struct firn_error *err);

int criu_each_remap(struct criu_images *images, criu_remap_fn *take, void *ctx,
		    struct firn_error *err) _must_check_;

/* How many locks on files the processes held. */
int criu_count_locks(struct criu_images *images, uint32_t *ret,
		     struct firn_error *err) _must_check_;

/*
 * Memory that is a file without a name: memfd_create(2), and what processes share by mmap(2)
 * without a file. Its pages are in pagemap-shmem-@segment.img.
 */
struct criu_memfd {
	uint32_t id;
	uint32_t segment;
	const char *name; /* "/dev/zero" for the latter; lives until the call returns */
};

typedef int criu_memfd_fn(const struct criu_memfd *m, void *ctx, struct firn_error *err);

/* 1, or 0 when there is no memfd.img. */
int criu_each_memfd(struct criu_images *images, criu_memfd_fn *take, void *ctx,
		    struct firn_error *err) _must_check_;

struct criu_fd {
	uint32_t fd, file, type, flags;
};

typedef int criu_fd_fn(const struct criu_fd *fd, void *ctx, struct firn_error *err);

/* The descriptors of fdinfo-@files.img: 1, or 0 when it isn't there. */
int criu_each_fd(struct criu_images *images, uint32_t files, criu_fd_fn *take, void *ctx,
		 struct firn_error *err) _must_check_;

#endif
