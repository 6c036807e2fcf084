/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/tree.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/sip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NODES_PER_BLOCK 128
#define TEXT_BLOCK      16384
#define TABLE_MIN       256 /* slots: a power of two */

struct node_block {
	struct node_block *older;
	uint32_t used;
	struct node nodes[NODES_PER_BLOCK];
};

/* Names and targets: many are short, and all die together. */
struct text_block {
	struct text_block *older;
	size_t used, size;
	char text[];
};

/*
 * Nodes come out of blocks; (parent, name) is looked up in an open-addressed table. The table's
 * hash is keyed with random bytes, so that an archive can't be made of names that all fall into one
 * place; its order never shows outside.
 */
struct tree_private {
	struct node_block *nodes;
	struct text_block *texts;
	struct node **table;
	size_t slots; /* a power of two */
	size_t used;  /* with the graves */
	size_t count; /* bytes of all texts so far */
	struct sip_key key;
};

/* Where a removed node was: the search has to go on behind it. */
static const struct node grave;

/* Of the folder's address and the name. */
static uint64_t hash_of(const struct tree_private *p, const struct node *dir, const char *name,
			size_t len)
{
	return sip_hash(&p->key, (uint64_t)(uintptr_t)dir, name, len);
}

/* The slot of (@dir, @name), or the empty one where it would go. */
static struct node **table_slot(const struct tree_private *p, const struct node *dir,
				const char *name, size_t len)
{
	size_t at = (size_t)hash_of(p, dir, name, len) & (p->slots - 1);

	for (;; at = (at + 1) & (p->slots - 1)) {
		const struct node *n = p->table[at];

		if (!n ||
		    (n->parent == dir && strncmp(n->name, name, len) == 0 && n->name[len] == '\0'))
			return &p->table[at];
	}
}

/* Room for one more name, graves cleared away on the way. */
static int table_grow(struct tree *t, struct firn_error *err)
{
	struct tree_private *p = t->p;
	_free_ struct node **old = NULL;
	size_t old_slots = p->slots, slots = TABLE_MIN;
	struct node **fresh;

	if (p->used + 1 <= p->slots / 4 * 3)
		return 0;
	while (slots < (size_t)t->count * 2)
		slots *= 2;
	fresh = calloc(slots, sizeof(struct node *));
	if (!fresh)
		return firn_fail_oom(err, "file tree");
	old = p->table;
	p->table = fresh;
	p->slots = slots;
	p->used = 0;
	for (size_t i = 0; i < old_slots; i++) {
		struct node *n = old[i];

		if (!n || n == &grave)
			continue;
		*table_slot(p, n->parent, n->name, strlen(n->name)) = n;
		p->used++;
	}
	return 0;
}

/* A small archive can unpack to very many of them. */
static int count_text(struct tree_private *p, size_t n, struct firn_error *err)
{
	if (n > TREE_TEXTS_MAX - p->count)
		return firn_fail(err, FIRN_ELIMIT,
				 "more than %u MiB of names, links' targets and xattrs",
				 TREE_TEXTS_MAX >> 20);
	p->count += n;
	return 0;
}

static char *text_dup(struct tree_private *p, const char *text, size_t len)
{
	struct text_block *b = p->texts;
	char *copy;

	if (!b || b->size - b->used < len + 1) {
		size_t size = len + 1 > TEXT_BLOCK ? len + 1 : TEXT_BLOCK;

		b = malloc(sizeof(*b) + size);
		if (!b)
			return NULL;
		*b = (struct text_block){ .older = p->texts, .size = size };
		p->texts = b;
	}
	copy = b->text + b->used;
	memcpy(copy, text, len);
	copy[len] = '\0';
	b->used += len + 1;
	return copy;
}

static struct node *node_new(struct tree_private *p)
{
	struct node_block *b = p->nodes;

	if (!b || b->used == NODES_PER_BLOCK) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return NULL;
		b->older = p->nodes;
		p->nodes = b;
	}
	return &b->nodes[b->used++];
}

int tree_new(struct tree **ret, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return firn_fail_oom(err, "file tree");
	t->p = calloc(1, sizeof(*t->p));
	if (!t->p)
		return firn_fail_oom(err, "file tree");
	t->p->key = sip_key_new(t);
	t->root = node_new(t->p);
	if (!t->root)
		return firn_fail_oom(err, "file tree");
	t->root->name = text_dup(t->p, "", 0);
	if (!t->root->name)
		return firn_fail_oom(err, "file tree");
	t->root->parent = t->root;
	t->root->mode = S_IFDIR | 0755;
	t->root->implied = true;
	t->count = t->made = 1;
	rc = table_grow(t, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&t);
	return 0;
}

static void blocks_free(struct tree_private *p)
{
	while (p->nodes) {
		struct node_block *b = p->nodes;

		for (uint32_t i = 0; i < b->used; i++)
			xattrs_freep(&b->nodes[i].xattrs);
		p->nodes = b->older;
		free(b);
	}
	while (p->texts) {
		struct text_block *b = p->texts;

		p->texts = b->older;
		free(b);
	}
}

struct tree *tree_free(struct tree *t)
{
	if (t && t->p) {
		blocks_free(t->p);
		free(t->p->table);
		free(t->p);
	}
	free(t);
	return NULL;
}

void tree_freep(struct tree **t)
{
	*t = tree_free(*t);
}

static struct node *child(const struct tree *t, const struct node *dir, const char *name,
			  size_t len)
{
	return *table_slot(t->p, dir, name, len);
}

struct node *tree_child(const struct tree *t, const struct node *dir, const char *name)
{
	return child(t, dir, name, strlen(name));
}

struct node *tree_reach(const struct tree *t, const char *path, const char **ret_rest)
{
	struct node *n = t->root;

	while (*path) {
		const size_t len = strcspn(path, "/");
		struct node *next = child(t, n, path, len);

		if (!next)
			break;
		n = next;
		path += len + (path[len] == '/');
	}
	*ret_rest = path;
	return n;
}

struct node *tree_find(const struct tree *t, const char *path)
{
	const char *rest;
	struct node *n = tree_reach(t, path, &rest);

	return *rest ? NULL : n;
}

static int fail_at(struct firn_error *err, enum firn_code code, const char *path, const char *why)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, code, "entry %s: %s", path_quote(path, quoted), why);
}

/* A new regular file of mode 0 in @dir. */
static int add_child(struct tree *t, struct node *dir, const char *name, size_t len,
		     struct node **ret, struct firn_error *err)
{
	struct node *n;
	char *copy;
	int rc;

	if (t->made >= TREE_NODES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u files", TREE_NODES_MAX);
	if ((rc = count_text(t->p, len, err)) < 0 || (rc = table_grow(t, err)) < 0)
		return rc;
	copy = text_dup(t->p, name, len);
	n = copy ? node_new(t->p) : NULL;
	if (!n)
		return firn_fail_oom(err, "file tree");
	n->name = copy;
	n->mode = S_IFREG;
	n->parent = dir;
	n->next = dir->children;
	if (n->next)
		n->next->prev = n;
	dir->children = n;
	dir->nchildren++;
	*table_slot(t->p, dir, copy, len) = n;
	t->p->used++;
	t->count++;
	t->made++;
	*ret = n;
	return 0;
}

int tree_make(struct tree *t, const char *path, struct node **ret, struct firn_error *err)
{
	struct node *n = t->root;
	const char *at = path;
	int made = 0;

	while (*at) {
		size_t len = strcspn(at, "/");
		struct node *dir = n;
		int rc;

		if (len == 0 || len > PATH_NAME_MAX)
			return fail_at(err, FIRN_EINVAL, path, "not a normalised name");
		if (!S_ISDIR(dir->mode))
			return fail_at(err, FIRN_ECORRUPT, path, "its parent is no folder");
		n = child(t, dir, at, len);
		made = !n;
		if (made) {
			rc = add_child(t, dir, at, len, &n, err);
			if (rc < 0)
				return firn_wrap(err, rc, "file tree");
		}
		at += len;
		if (*at == '/') {
			at++;
			if (made) {
				n->mode = S_IFDIR | 0755;
				n->implied = true;
			}
		}
	}
	*ret = n;
	return made;
}

static void detach(struct tree *t, struct node *n)
{
	struct node *dir = n->parent;

	*table_slot(t->p, dir, n->name, strlen(n->name)) = (struct node *)&grave;
	if (n->next)
		n->next->prev = n->prev;
	if (n->prev)
		n->prev->next = n->next;
	else
		dir->children = n->next;
	dir->nchildren--;
	n->parent = n->next = n->prev = NULL;
	t->count--;
}

void tree_remove(struct tree *t, struct node *n)
{
	struct node *at = n;

	assert(n != t->root);
	for (;;) {
		struct node *dir = at->parent;

		if (at->children) {
			at = at->children;
			continue;
		}
		detach(t, at);
		if (at == n)
			return;
		at = dir;
	}
}

struct node *tree_next(const struct tree *t, const struct node *n)
{
	if (n->children)
		return n->children;
	while (n != t->root && !n->next)
		n = n->parent;
	return n == t->root ? NULL : n->next;
}

int tree_set_target(struct tree *t, struct node *n, const char *target, struct firn_error *err)
{
	const size_t len = strlen(target);
	int rc = count_text(t->p, len, err);
	char *copy;

	if (rc < 0)
		return rc;
	copy = text_dup(t->p, target, len);
	if (!copy)
		return firn_fail_oom(err, "file tree");
	n->target = copy;
	return 0;
}

int tree_set_xattr(struct tree *t, struct node *n, const char *name, const void *value, size_t len,
		   struct firn_error *err)
{
	int rc = count_text(t->p, strlen(name) + len, err);

	return rc < 0 ? rc : xattr_set(&n->xattrs, name, value, len, err);
}

static int by_name(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int tree_sorted(const struct node *dir, struct node ***ret, struct firn_error *err)
{
	struct node **all = calloc((size_t)dir->nchildren + 1, sizeof(struct node *));
	size_t n = 0;

	if (!all)
		return firn_fail_oom(err, "file tree");
	for (struct node *c = dir->children; c; c = c->next)
		all[n++] = c;
	if (n)
		qsort(all, n, sizeof(struct node *), by_name);
	*ret = all;
	return 0;
}

int tree_path(const struct node *n, char **ret, struct firn_error *err)
{
	size_t len = 0;
	char *path, *at;

	for (const struct node *i = n; i->parent && i->parent != i; i = i->parent)
		len += strlen(i->name) + 1;
	path = malloc(len + 1);
	if (!path)
		return firn_fail_oom(err, "file tree");
	at = path + len;
	*at = '\0';
	for (const struct node *i = n; i->parent && i->parent != i; i = i->parent) {
		size_t part = strlen(i->name);

		if (*at)
			*--at = '/';
		at -= part;
		memcpy(at, i->name, part);
	}
	memmove(path, at, strlen(at) + 1);
	*ret = path;
	return 0;
}
