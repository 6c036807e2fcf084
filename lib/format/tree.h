/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file tree in memory: names and attributes, no content. Regular files say where their bytes lie
 * (device and offset). It is what a layer's tar headers describe, what the EROFS writer prints and
 * what a base image is asked for the attributes of a folder.
 *
 * Names are unique in their folder. Nodes live until tree_free(). A removed node is unlinked from
 * its parent but its memory stays until then, so a hard link to it keeps its content.
 */
#ifndef FIRN_FORMAT_TREE_H
#define FIRN_FORMAT_TREE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define TREE_NODES_MAX      (4u << 20)   /* nodes of one tree */
#define TREE_TEXTS_MAX      (128u << 20) /* bytes of names, links' targets and xattrs of one tree */
#define TREE_XATTR_MAX      65535 /* bytes of one xattr value: u16 in EROFS, XATTR_SIZE_MAX 65536 */
#define TREE_XATTRS_MAX     64    /* xattrs of one node */
#define TREE_XATTR_NAME_MAX 255   /* bytes of a whole xattr name: XATTR_NAME_MAX */

struct xattr {
	struct xattr *next;
	char *name; /* full: "user.x" */
	uint8_t *value;
	uint32_t len;
};

struct node {
	struct node *parent;   /* the root's is itself; NULL once removed */
	struct node *children; /* directories: newest first; tree_sorted() gives an ordered array */
	struct node *next;     /* sibling */
	struct node *prev;     /* sibling */
	struct node *link;     /* hard link: the node that has the content, never a link itself */
	struct xattr *xattrs;  /* sorted by name */
	char *name;
	char *target;    /* S_IFLNK: tree_set_target() */
	uint64_t size;   /* S_IFREG: bytes */
	uint64_t offset; /* S_IFREG with size > 0: where the bytes begin in their device */
	int64_t mtime;   /* seconds */
	uint32_t mtime_ns;
	uint32_t mode; /* type and permissions, as in stat */
	uint32_t uid, gid;
	uint32_t major, minor; /* S_IFCHR, S_IFBLK */
	uint32_t nlink;        /* set by the EROFS writer */
	uint32_t nchildren;
	uint16_t device; /* 0: the blob that the index is in; n: the n-th external device */
	bool whiteout;   /* hides a name of the layers below (mode S_IFCHR, 0:0) */
	bool opaque;     /* directory: hides all of the layers below */
	bool implied;    /* directory nobody described: made because a child needed it */
	uint64_t nid;    /* EROFS writer's */
	uint64_t pos;    /* EROFS writer's */
};

struct tree {
	struct node *root; /* a directory 0755 0:0, implied until somebody describes it */
	uint32_t count;
	uint32_t made; /* nodes that ever were in it: what is removed keeps its memory */
	struct tree_private *p;
};

int tree_new(struct tree **ret, struct firn_error *err) _must_check_;
struct tree *tree_free(struct tree *t);
void tree_freep(struct tree **t);

/* The node at normalised @path ("" is the root), or NULL. Never follows symbolic links. */
struct node *tree_find(const struct tree *t, const char *path);
/*
 * How far @path goes: the last node of it that is there, at least the root. *ret_rest is what of
 * @path comes behind that; "" is nothing. One step for each folder, where tree_find() of every
 * folder on the way would be as many again.
 */
struct node *tree_reach(const struct tree *t, const char *path, const char **ret_rest);
struct node *tree_child(const struct tree *t, const struct node *dir, const char *name);

/*
 * The node at @path, made if it isn't there (a regular file of mode 0 until the caller fills it
 * in); missing parents become implied directories 0755 0:0. 1 made, 0 was there. A parent that is
 * no directory is -FIRN_ECORRUPT: nothing goes through a symbolic link or a file.
 */
int tree_make(struct tree *t, const char *path, struct node **ret,
	      struct firn_error *err) _must_check_;

/* Unlink @n (and all below it) from the tree; not the root. */
void tree_remove(struct tree *t, struct node *n);

/* A copy of @target becomes what the symbolic link @n points to. */
int tree_set_target(struct tree *t, struct node *n, const char *target,
		    struct firn_error *err) _must_check_;

/*
 * The node after @n in a walk over the whole tree that begins at t->root, folders before what is in
 * them, otherwise in no order that means anything; NULL at the end. @n must not be removed on the
 * way.
 */
struct node *tree_next(const struct tree *t, const struct node *n);

/* Add or replace an xattr in a list that stays sorted by name; the bytes are copied. */
int xattr_set(struct xattr **list, const char *name, const void *value, size_t len,
	      struct firn_error *err) _must_check_;
void xattrs_freep(struct xattr **list);
/*
 * Whether overlayfs takes @name for its own ("trusted.overlay.*", "user.overlay.*"): it has no
 * business in a layer from outside, where it would steer the overlay that is mounted of it.
 */
bool xattr_is_overlay(const char *name);

/* xattr_set() on a node. What it replaces still counts for TREE_TEXTS_MAX. */
int tree_set_xattr(struct tree *t, struct node *n, const char *name, const void *value, size_t len,
		   struct firn_error *err) _must_check_;

/* The children of @dir in strcmp order in a fresh array that the caller frees. */
int tree_sorted(const struct node *dir, struct node ***ret, struct firn_error *err) _must_check_;

/* The path of @n below the root, without a leading slash. Caller frees. */
int tree_path(const struct node *n, char **ret, struct firn_error *err) _must_check_;

#endif
