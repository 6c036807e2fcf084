/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "format/tree.h"

#include <stdio.h>
#include <string.h>

static struct tree *fresh(void)
{
	struct firn_error err = { 0 };
	struct tree *t = NULL;

	ck_ok(tree_new(&t, &err), err);
	return t;
}

static struct node *make(struct tree *t, const char *path, uint32_t mode)
{
	struct firn_error err = { 0 };
	struct node *n = NULL;

	ck_ok(tree_make(t, path, &n, &err), err);
	n->mode = mode;
	return n;
}

START_TEST(root)
{
	_cleanup_(tree_freep) struct tree *t = fresh();

	ck_assert_ptr_eq(t->root->parent, t->root);
	ck_assert_ptr_eq(tree_find(t, ""), t->root);
	ck_assert_uint_eq(t->root->mode, S_IFDIR | 0755);
	ck_assert(t->root->implied);
	ck_assert_uint_eq(t->count, 1);
	ck_assert_ptr_null(tree_next(t, t->root));
}
END_TEST

START_TEST(make_and_find)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	struct node *n = NULL, *again = NULL;

	ck_assert_int_eq(tree_make(t, "a/b/c", &n, &err), 1);
	ck_assert_uint_eq(n->mode, S_IFREG);
	ck_assert_str_eq(n->name, "c");
	ck_assert(!n->implied);
	ck_assert(n->parent->implied && S_ISDIR(n->parent->mode));
	ck_assert_int_eq(tree_make(t, "a/b/c", &again, &err), 0);
	ck_assert_ptr_eq(n, again);
	ck_assert_ptr_eq(tree_find(t, "a/b/c"), n);
	ck_assert_ptr_null(tree_find(t, "a/b/cc"));
	ck_assert_ptr_null(tree_find(t, "a/bb"));
	ck_assert_ptr_null(tree_find(t, "a/b/c/d"));
	ck_assert_ptr_eq(tree_child(t, t->root, "a"), n->parent->parent);
	ck_assert_uint_eq(t->count, 4);
	ck_assert_int_eq(tree_make(t, "", &again, &err), 0);
	ck_assert_ptr_eq(again, t->root);
}
END_TEST

static const struct {
	uint32_t mode;
	const char *path;
	int rc;
} refused[] = {
	{ S_IFREG | 0644, "x/y", -FIRN_ECORRUPT },   { S_IFLNK | 0777, "x/y", -FIRN_ECORRUPT },
	{ S_IFLNK | 0777, "x/y/z", -FIRN_ECORRUPT }, { S_IFCHR, "x/y", -FIRN_ECORRUPT },
	{ S_IFDIR | 0755, "x//y", -FIRN_EINVAL },    { S_IFDIR | 0755, "/x", -FIRN_EINVAL },
};

START_TEST(refuse)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	struct node *n = NULL;

	make(t, "x", refused[_i].mode);
	ck_assert_int_eq(tree_make(t, refused[_i].path, &n, &err), refused[_i].rc);
	ck_assert_ptr_null(n);
	ck_assert_uint_eq(t->count, 2);
}
END_TEST

START_TEST(long_name)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	struct node *n = NULL;
	char name[258];

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	ck_assert_int_eq(tree_make(t, name, &n, &err), 1);
	name[255] = 'n';
	name[256] = '\0';
	ck_assert_int_eq(tree_make(t, name, &n, &err), -FIRN_EINVAL);
}
END_TEST

START_TEST(remove_subtree)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	struct node *file = make(t, "d/e/f", S_IFREG | 0600), *link = make(t, "l", S_IFREG);

	make(t, "d/g", S_IFDIR | 0700);
	make(t, "d/e/h", S_IFREG);
	ck_ok(tree_set_xattr(t, file, "user.a", "1", 1, &err), err);
	link->link = file;
	tree_remove(t, tree_find(t, "d"));
	ck_assert_uint_eq(t->count, 2);
	ck_assert_uint_eq(t->root->nchildren, 1);
	ck_assert_ptr_null(tree_find(t, "d"));
	ck_assert_ptr_null(tree_find(t, "d/e/f"));
	ck_assert_ptr_null(file->parent);
	ck_assert_str_eq(link->link->name, "f");
	/* the same names again, now in graves */
	ck_assert_ptr_ne(make(t, "d/e/f", S_IFREG), file);
	ck_assert_ptr_nonnull(tree_find(t, "d/e/f"));
}
END_TEST

/* What is removed keeps its memory, and counts. */
START_TEST(remove_for_ever)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	struct node *n = NULL;

	t->made = TREE_NODES_MAX - 2;
	make(t, "d/f", S_IFREG);
	tree_remove(t, tree_find(t, "d"));
	ck_assert_uint_eq(t->count, 1);
	ck_assert_int_eq(tree_make(t, "e", &n, &err), -FIRN_ELIMIT);
	ck_assert_ptr_nonnull(strstr(err.msg, "more than 4194304 files"));
}
END_TEST

/* Siblings come out of the list from any place, and the count of each folder keeps up. */
START_TEST(remove_many)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	char name[32];
	uint32_t seen = 0;

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		make(t, name, S_IFREG);
	}
	for (int i = 0; i < 3000; i += 3) {
		snprintf(name, sizeof(name), "d/%d", i);
		tree_remove(t, tree_find(t, name));
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		ck_assert_msg(!tree_find(t, name) == (i % 3 == 0), "%s", name);
	}
	for (const struct node *n = t->root; n; n = tree_next(t, n))
		seen++;
	ck_assert_uint_eq(seen, 2002);
	ck_assert_uint_eq(t->count, 2002);
	ck_assert_uint_eq(tree_find(t, "d")->nchildren, 2000);
}
END_TEST

START_TEST(sorted)
{
	static const char *const want[] = { "!", ".x", "A", "a", "a-b", "ab", "\xc3\xa4" };
	static const char *const order[] = { "ab", "a", "\xc3\xa4", "A", ".x", "a-b", "!" };
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	_free_ struct node **all = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		make(t, order[i], S_IFREG);
	ck_ok(tree_sorted(t->root, &all, &err), err);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_str_eq(all[i]->name, want[i]);
	ck_assert_ptr_null(all[ARRAY_SIZE(want)]);
}
END_TEST

static const char *const paths[] = { "", "a", "usr/bin/env", "a/b/c/d/e/f/g/h" };

START_TEST(path_of)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	_free_ char *path = NULL;

	ck_ok(tree_path(make(t, paths[_i], S_IFDIR), &path, &err), err);
	ck_assert_str_eq(path, paths[_i]);
}
END_TEST

START_TEST(target)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	struct node *n = make(t, "l", S_IFLNK | 0777);
	char text[4096];

	memset(text, 't', sizeof(text));
	text[4095] = '\0';
	for (int i = 0; i < 20; i++) {
		ck_ok(tree_set_target(t, n, text, &err), err);
		ck_assert_str_eq(n->target, text);
	}
	text[0] = 'x';
	ck_assert_int_eq(n->target[0], 't');
}
END_TEST

/* A small archive can unpack to very many names, targets and xattrs: each kind alone comes to an
 * end. */
START_TEST(texts_limit)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	_free_ char *big = calloc(1, TREE_XATTR_MAX);
	struct firn_error err = { 0 };
	char text[4096], name[16];
	struct node *n = make(t, "f", S_IFREG | 0600);
	uint64_t bytes = 0;
	int rc = 0;

	memset(text, 't', sizeof(text));
	text[4095] = '\0';
	for (unsigned i = 0; rc >= 0; i++) {
		ck_assert_uint_le(bytes, TREE_TEXTS_MAX);
		snprintf(name, sizeof(name), "%u", i);
		if (_i == 0)
			rc = tree_set_xattr(t, n, "user.a", big, TREE_XATTR_MAX, &err);
		else
			rc = tree_make(t, name, &n, &err);
		if (_i == 1 && rc >= 0)
			rc = tree_set_target(t, n, text, &err);
		bytes += _i ? strlen(text) : TREE_XATTR_MAX;
	}
	ck_assert_int_eq(rc, -FIRN_ELIMIT);
	ck_assert_ptr_nonnull(strstr(err.msg, "more than 128 MiB"));
}
END_TEST

START_TEST(xattrs)
{
	_cleanup_(xattrs_freep) struct xattr *list = NULL;
	struct firn_error err = { 0 };
	static const char *const want[] = { "security.capability", "user.a", "user.b", "user.c" };
	size_t i = 0;

	ck_ok(xattr_set(&list, "user.b", "one", 3, &err), err);
	ck_ok(xattr_set(&list, "security.capability", "\0\1\2", 3, &err), err);
	ck_ok(xattr_set(&list, "user.c", NULL, 0, &err), err);
	ck_ok(xattr_set(&list, "user.a", "x", 1, &err), err);
	ck_ok(xattr_set(&list, "user.b", "other", 5, &err), err);
	for (const struct xattr *x = list; x; x = x->next, i++) {
		ck_assert_uint_lt(i, ARRAY_SIZE(want));
		ck_assert_str_eq(x->name, want[i]);
	}
	ck_assert_uint_eq(i, ARRAY_SIZE(want));
	ck_assert_uint_eq(list->len, 3);
	ck_assert_mem_eq(list->value, "\0\1\2", 3);
	ck_assert_uint_eq(list->next->next->len, 5);
	ck_assert_mem_eq(list->next->next->value, "other", 5);
}
END_TEST

START_TEST(xattr_limits)
{
	_cleanup_(xattrs_freep) struct xattr *list = NULL;
	_free_ char *big = calloc(1, TREE_XATTR_MAX + 1);
	struct firn_error err = { 0 };
	char name[TREE_XATTR_NAME_MAX + 2];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(xattr_set(&list, name, "", 0, &err), -FIRN_ELIMIT);
	ck_assert_int_eq(xattr_set(&list, "", "", 0, &err), -FIRN_ELIMIT);
	ck_assert_int_eq(xattr_set(&list, "user.big", big, TREE_XATTR_MAX + 1, &err), -FIRN_ELIMIT);
	ck_assert_ptr_null(list);
	ck_ok(xattr_set(&list, "user.big", big, TREE_XATTR_MAX, &err), err);
	for (int i = 1; i < TREE_XATTRS_MAX; i++) {
		snprintf(name, sizeof(name), "user.%d", i);
		ck_ok(xattr_set(&list, name, name, 6, &err), err);
	}
	ck_assert_int_eq(xattr_set(&list, "user.more", "", 0, &err), -FIRN_ELIMIT);
	ck_ok(xattr_set(&list, "user.1", "again", 5, &err), err);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tree");
	TCase *tc = tcase_create("tree");

	tcase_add_test(tc, root);
	tcase_add_test(tc, make_and_find);
	tcase_add_loop_test(tc, refuse, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, long_name);
	tcase_add_test(tc, remove_subtree);
	tcase_add_test(tc, remove_many);
	tcase_add_test(tc, remove_for_ever);
	tcase_add_test(tc, sorted);
	tcase_add_loop_test(tc, path_of, 0, ARRAY_SIZE(paths));
	tcase_add_test(tc, target);
	tcase_add_loop_test(tc, texts_limit, 0, 2);
	tcase_add_test(tc, xattrs);
	tcase_add_test(tc, xattr_limits);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
