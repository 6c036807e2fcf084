/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "members/tally.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <string.h>

void tally_done(struct tally *t)
{
	for (size_t i = 0; i < t->nlargest; i++)
		free(t->largest[i].path);
	*t = (struct tally){ 0 };
}

/* Into its place among the largest, if it is one of them. */
static int note_size(struct tally *t, const char *path, uint64_t size, struct firn_error *err)
{
	struct tally_file file = { .size = size };
	size_t i = t->nlargest;

	if (size == 0 || (i == TALLY_LARGEST && size <= t->largest[TALLY_LARGEST - 1].size))
		return 0;
	file.path = strdup(path);
	if (!file.path)
		return firn_fail_oom(err, "delta");
	if (i == TALLY_LARGEST)
		free(t->largest[--i].path);
	else
		t->nlargest++;
	for (; i > 0 && t->largest[i - 1].size < file.size; i--)
		t->largest[i] = t->largest[i - 1];
	t->largest[i] = file;
	return 0;
}

static int count_file(struct tally *t, const char *path, uint64_t size, struct firn_error *err)
{
	t->files++;
	if (__builtin_add_overflow(t->bytes, size, &t->bytes))
		t->bytes = UINT64_MAX;
	return note_size(t, path, size, err);
}

static int count_entry(struct tally *t, const struct tar_entry *e, bool whiteouts,
		       struct firn_error *err)
{
	const char *name = path_basename(e->path);

	if (!*e->path)
		return 0;
	if (whiteouts && strcmp(name, WHITEOUT_OPAQUE) == 0) {
		t->opaque++;
	} else if (whiteouts && strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0) {
		t->deleted++;
	} else if (e->hardlink || S_ISLNK(e->mode)) {
		t->links++;
	} else if (S_ISDIR(e->mode)) {
		t->folders++;
	} else if (S_ISREG(e->mode)) {
		return count_file(t, e->path, e->size, err);
	} else {
		t->others++;
	}
	return 0;
}

static int count(struct tar *tar, bool whiteouts, struct tally *ret, struct firn_error *err)
{
	_cleanup_(tally_done) struct tally t = { .counted = true };
	const struct tar_entry *e;
	int rc = 0;

	while (rc >= 0 && (rc = tar_next(tar, &e, err)) > 0)
		rc = count_entry(&t, e, whiteouts, err);
	if (rc < 0)
		return rc;
	tally_done(ret);
	*ret = t;
	t = (struct tally){ 0 };
	return 0;
}

int tally_source(struct source *src, bool whiteouts, struct tally *ret, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	int rc = tar_open_source(src, NULL, &tar, err);

	return rc < 0 ? rc : count(tar, whiteouts, ret, err);
}

int tally_stream(struct istream *in, bool whiteouts, struct tally *ret, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	int rc = tar_open_stream(in, NULL, &tar, err);

	return rc < 0 ? rc : count(tar, whiteouts, ret, err);
}

static void count_node(struct tally *t, const struct node *n)
{
	t->opaque += n->opaque;
	if (n->whiteout)
		t->deleted++;
	else if (n->link || S_ISLNK(n->mode))
		t->links++;
	else if (S_ISDIR(n->mode))
		t->folders++;
	else if (!S_ISREG(n->mode))
		t->others++;
}

static bool is_file(const struct node *n)
{
	return S_ISREG(n->mode) && !n->link && !n->whiteout;
}

/* Empty files have no place, and nobody asks for theirs. */
static int by_place(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* As the layer has them: of files of one size the first ones are told. */
static int count_files(const struct tree *tree, const struct node **list, struct tally *t,
		       struct firn_error *err)
{
	size_t n = 0;
	int rc = 0;

	for (const struct node *f = tree->root; (f = tree_next(tree, f));)
		if (is_file(f))
			list[n++] = f;
	if (n)
		qsort(list, n, sizeof(*list), by_place);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		_free_ char *path = NULL;

		rc = tree_path(list[i], &path, err);
		if (rc == 0)
			rc = count_file(t, path, list[i]->size, err);
	}
	return rc;
}

int tally_tree(const struct tree *tree, struct tally *ret, struct firn_error *err)
{
	_cleanup_(tally_done) struct tally t = { .counted = true };
	_free_ const struct node **list = calloc(tree->count, sizeof(*list));
	int rc;

	if (!list)
		return firn_fail_oom(err, "delta");
	t.opaque = tree->root->opaque;
	for (const struct node *n = tree->root; (n = tree_next(tree, n));)
		count_node(&t, n);
	rc = count_files(tree, list, &t, err);
	if (rc < 0)
		return rc;
	tally_done(ret);
	*ret = t;
	t = (struct tally){ 0 };
	return 0;
}
