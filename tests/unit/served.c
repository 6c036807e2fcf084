/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layers merged as overlayfs would show them, and the parts that contents come from. */
#include "unit.h"

#include "base/fd.h"
#include "serve/served.h"

#include <stdio.h>
#include <string.h>

/*
 * A layer in words: "NAME" a file whose content is its offset in the part, "NAME/" a folder,
 * "-NAME" a whiteout, "!NAME/" an opaque folder, "NAME=OTHER" a hard link, "NAME@OTHER" a symbolic
 * link, "." describes the root; "~NAME" is a file that goes again and stays linked.
 */
static void add(struct tree *t, const char *word, uint64_t offset)
{
	char name[64];
	const char *eq = strchr(word, '='), *at = strchr(word, '@');
	const bool opaque = *word == '!', hides = *word == '-';
	struct firn_error err = { 0 };
	struct node *n;
	size_t len;

	if (strcmp(word, ".") == 0) {
		t->root->implied = false;
		t->root->mode = S_IFDIR | 0711;
		return;
	}
	snprintf(name, sizeof(name), "%s", word + (opaque || hides || *word == '~'));
	name[strcspn(name, "=@")] = '\0';
	len = strlen(name);
	if (name[len - 1] == '/')
		name[--len] = '\0';
	ck_ok(tree_make(t, name, &n, &err), err);
	n->implied = false;
	n->mode = S_IFREG | 0644;
	n->size = 1;
	n->offset = offset;
	n->mtime = (int64_t)offset;
	if (word[strlen(word) - 1] == '/') {
		n->mode = S_IFDIR | 0700;
		n->size = 0;
		n->opaque = opaque;
	} else if (hides) {
		n->mode = S_IFCHR;
		n->size = 0;
		n->whiteout = true;
	} else if (eq) {
		struct node *to = tree_find(t, eq + 1);

		n->link = to->link ? to->link : to;
		n->mode = n->link->mode;
		n->size = 0;
	} else if (at) {
		n->mode = S_IFLNK | 0777;
		n->size = 0;
		ck_ok(tree_set_target(t, n, at + 1, &err), err);
	}
}

static void merge(struct served *s, const char *at, const char *words, const char *content,
		  unsigned flags)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	char copy[256], *rest = copy, *word;
	uint16_t part = 0;
	uint64_t offset = 0;

	ck_ok(tree_new(&t, &err), err);
	ck_ok(served_add_bytes(s, content, strlen(content), &part, &err), err);
	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " ")))
		if (*word)
			add(t, word, offset++);
	snprintf(copy, sizeof(copy), "%s", words);
	for (rest = copy; (word = strsep(&rest, " "));)
		if (*word == '~')
			tree_remove(t, tree_find(t, word + 1));
	ck_ok(served_merge(s, at, t, part, flags, &err), err);
}

/* "NAME:content" of files, "NAME/" of folders, "NAME@target" of links, in order. */
static const char *show(struct served *s)
{
	static char out[512];
	struct firn_error err = { 0 };
	size_t used = 0;

	out[0] = '\0';
	ck_ok(served_finish(s, &err), err);
	for (struct node *n = s->tree->root; n; n = tree_next(s->tree, n)) {
		struct node *c = served_content(n);
		_free_ char *path = NULL;
		char byte = 0;

		ck_ok(tree_path(n, &path, &err), err);
		ck_assert_ptr_eq(served_inode(s, c->nid), c);
		if (S_ISDIR(n->mode))
			for (size_t i = 1; i < n->nchildren; i++)
				ck_assert_int_lt(strcmp(s->entries[n->pos + i - 1]->name,
							s->entries[n->pos + i]->name),
						 0);
		if (S_ISREG(c->mode) && c->size)
			ck_assert_int_eq(served_read(s, c, &byte, 1, 0, &err), 1);
		used += (size_t)snprintf(
		    out + used, sizeof(out) - used, "%s%s%c%s%s", used ? " " : "", path,
		    S_ISDIR(n->mode)   ? '/'
		    : S_ISLNK(n->mode) ? '@'
		    : S_ISREG(c->mode) ? ':'
				       : '?',
		    S_ISLNK(n->mode) ? n->target : "", byte ? (char[]){ byte, '\0' } : "");
	}
	return out;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The words in one order, whatever the one they were walked in. */
static const char *sorted(const char *words)
{
	static char out[512];
	char copy[512], *list[64], *rest = copy, *word;
	size_t n = 0, used = 0;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " ")) && n < 64)
		list[n++] = word;
	qsort(list, n, sizeof(*list), by_text);
	for (size_t i = 0; i < n; i++)
		used +=
		    (size_t)snprintf(out + used, sizeof(out) - used, "%s%s", i ? " " : "", list[i]);
	return out;
}

static const struct {
	const char *what, *lower, *upper, *want;
} merges[] = {
	{ "both", "a", "b", "/ a:A b:0" },
	{ "the upper file counts", "a b", "b", "/ a:A b:0" },
	{ "folders are merged", "d/ d/a d/b", "d/ d/c", "/ d/ d/a:B d/b:C d/c:1" },
	{ "an implied folder, too", "d/ d/a", "d/c", "/ d/ d/a:B d/c:0" },
	{ "a whiteout", "d/ d/a d/b", "-d/a", "/ d/ d/b:C" },
	{ "a whiteout of a folder", "d/ d/a e", "-d", "/ e:C" },
	{ "a whiteout of nothing", "a", "-b", "/ a:A" },
	{ "an opaque folder", "d/ d/a d/s/ d/s/x", "!d/ d/b", "/ d/ d/b:1" },
	{ "an opaque folder over nothing", "a", "!d/ d/b", "/ a:A d/ d/b:1" },
	{ "a file over a folder", "d/ d/a", "d", "/ d:0" },
	{ "a folder over a file", "d", "d/ d/a", "/ d/ d/a:1" },
	{ "a link over a folder", "d/ d/a e", "d@e", "/ d@e e:C" },
	{ "a folder over a link", "d@e e/", "d/ d/a", "/ d/ d/a:1 e/" },
	{ "hard links", "a b=a c=b", "d", "/ a:A b:A c:A d:0" },
	{ "one name of three goes", "a b=a c=a", "-a", "/ b:A c:A" },
	{ "one name of three is replaced", "a b=a c=a", "a", "/ a:0 b:A c:A" },
	{ "links of the upper layer", "x", "a b=a", "/ a:0 b:0 x:A" },
	{ "a linked file that lost its name", "x", "~a b=a c=a", "/ b:0 c:0 x:A" },
};

START_TEST(merge_fn)
{
	_cleanup_(served_freep) struct served *s = NULL;
	struct firn_error err = { 0 };

	ck_ok(served_new(&s, &err), err);
	merge(s, "", merges[_i].lower, "ABCDEFGH", 0);
	merge(s, "", merges[_i].upper, "01234567", 0);
	ck_assert_msg(strcmp(sorted(show(s)), merges[_i].want) == 0, "%s: %s", merges[_i].what,
		      sorted(show(s)));
}
END_TEST

START_TEST(links)
{
	_cleanup_(served_freep) struct served *s = NULL;
	struct firn_error err = { 0 };
	struct node *b, *c;

	ck_ok(served_new(&s, &err), err);
	merge(s, "", "a b=a c=a", "A", 0);
	merge(s, "", "-a", "", 0);
	ck_ok(served_finish(s, &err), err);
	b = served_content(tree_find(s->tree, "b"));
	c = served_content(tree_find(s->tree, "c"));
	ck_assert_ptr_eq(b, c);
	/* As many as its layer has: overlayfs counts no names. */
	ck_assert_uint_eq(b->nlink, 3);
	ck_assert_uint_eq(s->ninodes, 3); /* nobody's, the root's and this one */
}
END_TEST

START_TEST(roots)
{
	_cleanup_(served_freep) struct served *s = NULL;
	struct firn_error err = { 0 };

	ck_ok(served_new(&s, &err), err);
	merge(s, "r", ". a", "A", SERVED_ROOT_IMPLIED);
	merge(s, "r", "b", "B", SERVED_ROOT_IMPLIED);
	ck_assert_uint_eq(tree_find(s->tree, "r")->mode, S_IFDIR | 0711);
	merge(s, "r", "c", "C", 0);
	ck_assert_uint_eq(tree_find(s->tree, "r")->mode, S_IFDIR | 0755);
	ck_ok(served_folder(s, "r/own", 0700, &err), err);
	ck_ok(served_file(s, "r/own/f", 0600, "text", 4, &err), err);
	ck_ok(served_file(s, "r/a", 0600, "other", 5, &err), err);
	ck_assert_str_eq(sorted(show(s)), "/ r/ r/a:o r/b:B r/c:C r/own/ r/own/f:t");
	ck_ok(served_folder(s, "r", 0700, &err), err);
	ck_assert_ptr_null(tree_find(s->tree, "r/own"));
}
END_TEST

START_TEST(devices_hide)
{
	_cleanup_(served_freep) struct served *s = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	struct node *n;

	ck_ok(served_new(&s, &err), err);
	merge(s, "", "null zero", "AB", 0);
	ck_ok(tree_new(&t, &err), err);
	ck_ok(tree_make(t, "null", &n, &err), err);
	n->mode = S_IFCHR | 0600;
	ck_ok(tree_make(t, "zero", &n, &err), err);
	n->mode = S_IFCHR | 0600;
	n->major = 1;
	n->minor = 5;
	ck_ok(served_merge(s, "", t, 1, 0, &err), err);
	ck_assert_str_eq(sorted(show(s)), "/ zero?");
}
END_TEST

START_TEST(short_part)
{
	_cleanup_(served_freep) struct served *s = NULL;
	struct firn_error err = { 0 };
	struct node *n;
	char bytes[8];

	ck_ok(served_new(&s, &err), err);
	merge(s, "", "a b", "A", 0);
	n = served_find_file(s, "a");
	ck_assert_int_eq(served_read(s, n, bytes, sizeof(bytes), 0, &err), 1);
	ck_assert_int_eq(served_read(s, n, bytes, sizeof(bytes), 1, &err), 0);
	n = served_find_file(s, "b");
	ck_assert_int_eq(served_read(s, n, bytes, sizeof(bytes), 0, &err), -FIRN_ECORRUPT);
	n->device = 9;
	ck_assert_int_eq(served_read(s, n, bytes, sizeof(bytes), 0, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_null(served_inode(s, 0));
	ck_assert_ptr_null(served_inode(s, 99));
}
END_TEST

START_TEST(whole_file)
{
	_cleanup_(served_freep) struct served *s = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	char bytes[8];
	size_t n = 0;

	ck_ok(served_new(&s, &err), err);
	ck_ok(served_file(s, "f", 0600, "text", 4, &err), err);
	ck_assert_int_eq(served_read_file(s, "f", 10, &text, &n, &err), 1);
	ck_assert_str_eq(text, "text");
	ck_assert_uint_eq(n, 4);
	ck_assert_int_eq(served_read_file(s, "g", 10, &text, &n, &err), 0);
	ck_assert_int_eq(served_read_file(s, "f", 3, &text, &n, &err), -FIRN_ELIMIT);
	ck_ok(served_open_file(s, served_find_file(s, "f"), &src, &err), err);
	ck_assert_uint_eq(src->size, 4);
	ck_assert_int_eq(source_pread(src, bytes, sizeof(bytes), 1, &err), 3);
	ck_assert_mem_eq(bytes, "ext", 3);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("served");
	TCase *t = tcase_create("served");

	tcase_add_loop_test(t, merge_fn, 0, ARRAY_SIZE(merges));
	tcase_add_test(t, links);
	tcase_add_test(t, roots);
	tcase_add_test(t, devices_hide);
	tcase_add_test(t, short_part);
	tcase_add_test(t, whole_file);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
