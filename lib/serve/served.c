/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serve/served.h"

#include "base/fd.h"

#include <stdlib.h>
#include <string.h>

int served_new(struct served **ret, struct firn_error *err)
{
	_cleanup_(served_freep) struct served *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return firn_fail_oom(err, "serve");
	rc = tree_new(&s->tree, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&s);
	return 0;
}

struct served *served_free(struct served *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->nparts; i++) {
		source_close(s->parts[i].src);
		(void)pthread_mutex_destroy(&s->parts[i].lock);
	}
	tree_free(s->tree);
	free(s->parts);
	free(s->inodes);
	free(s->entries);
	free(s);
	return NULL;
}

void served_freep(struct served **s)
{
	*s = served_free(*s);
}

int served_add_part(struct served *s, struct source *src, int fd, unsigned flags, uint16_t *ret,
		    struct firn_error *err)
{
	_cleanup_(source_closep) struct source *taken = src;
	struct served_part *grown;

	if (s->nparts == SERVED_PARTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d layers", SERVED_PARTS_MAX);
	grown = reallocarray(s->parts, s->nparts + 1, sizeof(*grown));
	if (!grown)
		return firn_fail_oom(err, "serve");
	s->parts = grown;
	grown[s->nparts] = (struct served_part){
		.src = take_ptr(&taken),
		.fd = fd,
		.serial = flags & SERVED_SERIAL,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	*ret = (uint16_t)++s->nparts;
	return 0;
}

/* A node of ours at @path, and nothing below it or linked to it. */
static int make_node(struct served *s, const char *path, struct node **ret, struct firn_error *err)
{
	struct node *n = tree_find(s->tree, path);
	int rc;

	if (n)
		tree_remove(s->tree, n);
	rc = tree_make(s->tree, path, ret, err);
	return rc < 0 ? rc : 0;
}

int served_folder(struct served *s, const char *path, uint32_t mode, struct firn_error *err)
{
	struct node *n;
	int rc = make_node(s, path, &n, err);

	if (rc < 0)
		return rc;
	n->mode = S_IFDIR | mode;
	return 0;
}

/* Bytes in memory that are freed with their source. */
struct kept_bytes {
	struct source base;
	size_t n;
	uint8_t bytes[];
};

static ssize_t kept_pread(struct source *src, void *buf, size_t n, uint64_t at,
			  struct firn_error *err)
{
	const struct kept_bytes *k = (const struct kept_bytes *)src;

	(void)err;
	if (at >= k->n)
		return 0;
	if (n > k->n - at)
		n = k->n - (size_t)at;
	memcpy(buf, k->bytes + at, n);
	return (ssize_t)n;
}

static void kept_close(struct source *src)
{
	free(src);
}

int served_add_bytes(struct served *s, const void *bytes, size_t n, uint16_t *ret,
		     struct firn_error *err)
{
	static const struct source_ops ops = { kept_pread, kept_close };
	struct kept_bytes *k = malloc(sizeof(*k) + n);

	if (!k)
		return firn_fail_oom(err, "serve");
	k->base = (struct source){ .ops = &ops, .size = n };
	k->n = n;
	memcpy(k->bytes, bytes, n);
	return served_add_part(s, &k->base, -1, 0, ret, err);
}

int served_file(struct served *s, const char *path, uint32_t mode, const void *bytes, size_t n,
		struct firn_error *err)
{
	struct node *made = NULL;
	uint16_t part = 0;
	int rc;

	if ((rc = served_add_bytes(s, bytes, n, &part, err)) < 0 ||
	    (rc = make_node(s, path, &made, err)) < 0)
		return rc;
	made->mode = S_IFREG | mode;
	made->size = n;
	made->device = part;
	made->nlink = 1;
	return 0;
}

struct node *served_find_file(const struct served *s, const char *path)
{
	struct node *n = tree_find(s->tree, path);

	n = n ? served_content(n) : NULL;
	return n && S_ISREG(n->mode) ? n : NULL;
}

int served_read_file(const struct served *s, const char *path, size_t max, char **ret,
		     size_t *ret_len, struct firn_error *err)
{
	const struct node *n = served_find_file(s, path);
	_free_ char *text = NULL;
	ssize_t got;

	if (!n)
		return 0;
	if (n->size > max)
		return firn_fail(err, FIRN_ELIMIT, "is larger than %zu bytes", max);
	text = malloc((size_t)n->size + 1);
	if (!text)
		return firn_fail_oom(err, path);
	got = served_read(s, n, text, (size_t)n->size, 0, err);
	if (got < 0)
		return (int)got;
	text[n->size] = '\0';
	*ret_len = (size_t)n->size;
	*ret = take_ptr(&text);
	return 1;
}

struct file_source {
	struct source base;
	const struct served *served;
	const struct node *node;
};

static ssize_t file_pread(struct source *src, void *buf, size_t n, uint64_t at,
			  struct firn_error *err)
{
	const struct file_source *f = (const struct file_source *)src;

	return served_read(f->served, f->node, buf, n, at, err);
}

int served_open_file(const struct served *s, const struct node *n, struct source **ret,
		     struct firn_error *err)
{
	static const struct source_ops ops = { file_pread, kept_close };
	struct file_source *f = malloc(sizeof(*f));

	if (!f)
		return firn_fail_oom(err, "serve");
	*f = (struct file_source){ { &ops, n->size }, s, n };
	*ret = &f->base;
	return 0;
}

/* Numbers for @n, and for what it is a name of, which may have no name of its own any more. */
static void number(struct served *s, struct node *n)
{
	struct node *c = served_content(n);

	if (c->nid)
		return;
	c->nid = s->ninodes;
	s->inodes[s->ninodes++] = c;
	if (S_ISREG(c->mode))
		s->bytes += c->size;
}

static int by_name(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int served_finish(struct served *s, struct firn_error *err)
{
	size_t used = 0;

	/* A name has one node at most, and one more that it links to. */
	s->inodes = calloc(2 * (size_t)s->tree->count + 1, sizeof(*s->inodes));
	s->entries = calloc((size_t)s->tree->count, sizeof(*s->entries));
	if (!s->inodes || !s->entries)
		return firn_fail_oom(err, "serve");
	for (struct node *n = s->tree->root; n; n = tree_next(s->tree, n))
		n->nid = served_content(n)->nid = 0;
	s->ninodes = SERVED_ROOT;
	number(s, s->tree->root);
	for (struct node *n = s->tree->root; n; n = tree_next(s->tree, n)) {
		if (!S_ISDIR(n->mode))
			continue;
		n->pos = used;
		for (struct node *c = n->children; c; c = c->next)
			s->entries[used++] = c;
		if (n->nchildren)
			qsort(s->entries + n->pos, n->nchildren, sizeof(*s->entries), by_name);
		for (size_t i = n->pos; i < used; i++)
			number(s, s->entries[i]);
	}
	return 0;
}

static ssize_t read_part(struct served_part *p, void *buf, size_t n, uint64_t at,
			 struct firn_error *err)
{
	ssize_t got;

	if (!p->serial)
		return source_pread(p->src, buf, n, at, err);
	(void)pthread_mutex_lock(&p->lock);
	got = source_pread(p->src, buf, n, at, err);
	(void)pthread_mutex_unlock(&p->lock);
	return got;
}

ssize_t served_read(const struct served *s, const struct node *n, void *buf, size_t room,
		    uint64_t at, struct firn_error *err)
{
	ssize_t got;

	if (!S_ISREG(n->mode) || at >= n->size)
		return 0;
	if (room > n->size - at)
		room = (size_t)(n->size - at);
	if (n->device == 0 || n->device > s->nparts)
		return firn_fail(err, FIRN_ECORRUPT, "%s lies nowhere", n->name);
	got = read_part(&s->parts[n->device - 1], buf, room, n->offset + at, err);
	if (got >= 0 && (size_t)got < room)
		return firn_fail(err, FIRN_ECORRUPT, "%s: its layer ends early", n->name);
	return got;
}
