/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What firn shows where the kernel mounts nothing for it: one tree in memory, merged from layers as
 * overlayfs would show them, and the parts that the contents come from (a blob, a range of an
 * archive, a decompressor).
 *
 * It is put together by one thread, then numbered with served_finish(); from there on nothing of it
 * changes and served_read() may be called from any thread.
 */
#ifndef FIRN_SERVE_SERVED_H
#define FIRN_SERVE_SERVED_H

#include "bytes/stream.h"
#include "format/tree.h"

#include <pthread.h>

#define SERVED_PARTS_MAX 2048 /* layers, and a few files of ours */
#define SERVED_ROOT      1    /* the root's number (FUSE_ROOT_ID) */

struct served_part {
	struct source *src; /* owned */
	int fd;             /* that it reads from and owns; -1: none */
	bool serial;        /* it is read by one thread at a time */
	pthread_mutex_t lock;
};

/* A node's device is the number of its part, from 1 on; nid is its number, pos its first entry. */
struct served {
	struct tree *tree;
	struct served_part *parts;
	size_t nparts;
	struct node **inodes; /* by number; [0] is nobody's */
	size_t ninodes;
	struct node **entries; /* of each folder side by side, in the order of their names */
	uint64_t bytes;        /* of all files */
};

int served_new(struct served **ret, struct firn_error *err) _must_check_;
struct served *served_free(struct served *s);
void served_freep(struct served **s);

enum served_part_flags {
	SERVED_SERIAL = 1 << 0, /* two threads may not read it at once */
};

/* Take @src (also on failure), which owns the descriptor @fd (-1: none). */
int served_add_part(struct served *s, struct source *src, int fd, unsigned flags, uint16_t *ret,
		    struct firn_error *err) _must_check_;

/* A part of a copy of bytes in memory. */
int served_add_bytes(struct served *s, const void *bytes, size_t n, uint16_t *ret,
		     struct firn_error *err) _must_check_;

enum served_merge_flags {
	/*
	 * The root of a layer that doesn't describe it says nothing of the merged one. Without it
	 * an implied root counts as it is.
	 */
	SERVED_ROOT_IMPLIED = 1 << 0,
};

/*
 * Put the layer @layer, whose contents lie in @part, on top of what is in the folder @at ("" is the
 * root; made when it isn't there): what it has replaces what was there, folders of both are merged,
 * its whiteouts and opaque folders hide (overlayfs.rst, "whiteouts and opaque directories").
 * @layer's xattrs are taken and its nids and positions overwritten: it is of use for nothing else
 * afterwards.
 */
int served_merge(struct served *s, const char *at, struct tree *layer, uint16_t part,
		 unsigned flags, struct firn_error *err) _must_check_;

/* A folder of ours at @path, empty whatever was there. */
int served_folder(struct served *s, const char *path, uint32_t mode,
		  struct firn_error *err) _must_check_;
/* A file of ours, in place of whatever was there; the bytes are copied. */
int served_file(struct served *s, const char *path, uint32_t mode, const void *bytes, size_t n,
		struct firn_error *err) _must_check_;

/* The node with the content and attributes of the name @n. */
static inline struct node *served_content(struct node *n)
{
	return n->link ? n->link : n;
}

/* The file at @path without following links, or NULL. */
struct node *served_find_file(const struct served *s, const char *path);
/* 1 and its whole content, NUL-ended, which the caller frees; 0 when there is no such file. */
int served_read_file(const struct served *s, const char *path, size_t max, char **ret,
		     size_t *ret_len, struct firn_error *err) _must_check_;
/* The content of the file @n as a source, which borrows @s. */
int served_open_file(const struct served *s, const struct node *n, struct source **ret,
		     struct firn_error *err) _must_check_;

/* Give every node its number and every folder its entries. */
int served_finish(struct served *s, struct firn_error *err) _must_check_;

/* The node of a number that served_finish() gave, or NULL. */
static inline struct node *served_inode(const struct served *s, uint64_t number)
{
	return number > 0 && number < s->ninodes ? s->inodes[number] : NULL;
}

/*
 * The bytes of the file @n from @at on: as many of @n as it has there, or an error. A part that
 * ends early is an error, too: a file has no zeros that its layer didn't have.
 */
ssize_t served_read(const struct served *s, const struct node *n, void *buf, size_t room,
		    uint64_t at, struct firn_error *err) _must_check_;

#endif
