/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/indexed.h"

#include "base/fd.h"
#include "format/erofs_read.h"
#include "layer_work.h"
#include "pack_plain.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* The sample of all layer tests, plain or compressed. */
static void make(struct work *w, bool packed, struct buf *ret)
{
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };

	build_sample(w);
	if (!packed) {
		buf_put(ret, w->blob.data, w->blob.len);
		return;
	}
	ck_ok(source_from_mem(w->blob.data, w->blob.len, &src, &err), err);
	ck_ok(pack_plain(src, 3, 2, false, ret, &err), err);
}

static int open_it(const struct buf *b, struct tree **ret_tree, struct source **ret,
		   struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	ck_ok(source_from_mem(b->data, b->len, &src, err), *err);
	rc = indexed_open(&src, INDEXED_MAX, ret_tree, err);
	if (rc > 0)
		*ret = take_ptr(&src);
	return rc;
}

static void same_xattrs(const struct node *a, const struct node *b)
{
	const struct xattr *x = a->xattrs, *y = b->xattrs;

	for (; x && y; x = x->next, y = y->next) {
		ck_assert_str_eq(x->name, y->name);
		ck_assert_uint_eq(x->len, y->len);
		ck_assert(memcmp(x->value, y->value, x->len) == 0);
	}
	ck_assert(!x && !y);
}

static void same_node(const struct node *got, const struct node *want)
{
	if (want->whiteout) {
		ck_assert(got->whiteout);
		return;
	}
	ck_assert(!got->whiteout);
	ck_assert_uint_eq(got->mode, want->mode);
	ck_assert_uint_eq(got->uid, want->uid);
	ck_assert_uint_eq(got->gid, want->gid);
	ck_assert_uint_eq(got->major, want->major);
	ck_assert_uint_eq(got->minor, want->minor);
	ck_assert_int_eq(got->mtime, want->mtime);
	ck_assert_uint_eq(got->mtime_ns, want->mtime_ns);
	ck_assert_int_eq(got->opaque, want->opaque);
	if (S_ISREG(want->mode))
		ck_assert_uint_eq(got->size, want->size);
	if (S_ISLNK(want->mode))
		ck_assert_str_eq(got->target, want->target);
	same_xattrs(got, want);
}

/* Every byte of the file, read in pieces that don't fit its blocks. */
static void same_content(struct source *src, const struct node *got, const struct node *want,
			 const struct buf *plain)
{
	uint8_t piece[1000];
	struct firn_error err = { 0 };

	for (uint64_t at = 0; at < want->size; at += sizeof(piece)) {
		const uint64_t left = want->size - at;
		const size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);

		ck_ok(source_read_at(src, piece, n, got->offset + at, &err), err);
		ck_assert(memcmp(piece, plain->data + want->offset + at, n) == 0);
	}
}

START_TEST(as_the_tar_has_it)
{
	_work_ struct work w = { 0 };
	_buf_ struct buf blob = BUF_INIT;
	_cleanup_(tree_freep) struct tree *tree = NULL, *want = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };

	make(&w, _i, &blob);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, &want, &err), LAYER_OURS);
	ck_assert_int_eq(open_it(&blob, &tree, &src, &err), 1);
	ck_assert_uint_eq(tree->count, want->count);
	for (const struct node *n = want->root; n; n = tree_next(want, n)) {
		_free_ char *path = NULL;
		const struct node *there, *content = n->link ? n->link : n;

		ck_ok(tree_path(n, &path, &err), err);
		there = tree_find(tree, path);
		ck_assert_msg(there != NULL, "%s", path);
		there = there->link ? there->link : there;
		same_node(there, content);
		if (S_ISREG(content->mode) && content->size)
			same_content(src, there, content, &w.blob);
	}
}
END_TEST

static size_t hard_links(const struct tree *t)
{
	size_t n = 0;

	for (const struct node *x = t->root; x; x = tree_next(t, x))
		n += x->link != NULL;
	return n;
}

START_TEST(hard_links_stay)
{
	_work_ struct work w = { 0 };
	_buf_ struct buf blob = BUF_INIT;
	_cleanup_(tree_freep) struct tree *tree = NULL, *want = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };

	make(&w, _i, &blob);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, &want, &err), LAYER_OURS);
	ck_assert_int_eq(open_it(&blob, &tree, &src, &err), 1);
	ck_assert_uint_gt(hard_links(want), 0);
	ck_assert_uint_eq(hard_links(tree), hard_links(want));
}
END_TEST

START_TEST(limit)
{
	_work_ struct work w = { 0 };
	_buf_ struct buf blob = BUF_INIT;
	_cleanup_(source_closep) struct source *src = NULL;
	struct source *was;
	struct tree *tree = NULL;
	struct firn_error err = { 0 };

	make(&w, _i, &blob);
	ck_ok(source_from_mem(blob.data, blob.len, &src, &err), err);
	was = src;
	ck_assert_int_eq(indexed_open(&src, 5, &tree, &err), -FIRN_ELIMIT);
	ck_assert_str_eq(err.msg, "more than 5 files");
	ck_assert_ptr_eq(src, was);
	ck_assert_ptr_null(tree);
}
END_TEST

/* 16 MiB of links' targets: somebody who knows that a link takes some bytes wants our memory. */
START_TEST(much_text)
{
	_work_ struct work w = { 0 };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	struct firn_error err = { 0 };
	char target[4001], path[32];

	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	begin(&w);
	for (unsigned i = 0; i < 4400; i++) {
		const struct layer_entry e = { .path = path,
					       .target = target,
					       .mode = S_IFLNK | 0777 };

		snprintf(path, sizeof(path), "link%u", i);
		add(&w, &e);
	}
	finish(&w);
	ck_assert_int_eq(open_it(&w.blob, &tree, &src, &err), -FIRN_ELIMIT);
}
END_TEST

/* A folder of nothing but itself, in as many blocks as there are, would take for ever. */
START_TEST(many_dots)
{
	static const struct layer_entry folders[] = { { .path = "a", .mode = S_IFDIR | 0755 },
						      { .path = "b", .mode = S_IFDIR | 0755 } };
	_work_ struct work w = { 0 };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	struct firn_error err = { 0 };
	char *names;

	begin(&w);
	add(&w, &folders[0]);
	add(&w, &folders[1]);
	finish(&w);
	names = memmem(w.blob.data, w.blob.len, "...ab", 5);
	ck_assert_ptr_nonnull(names);
	names[3] = '.';
	ck_assert_int_eq(open_it(&w.blob, &tree, &src, &err), -FIRN_ECORRUPT);
	ck_assert_str_eq(err.msg, "EROFS index: a name comes twice");
}
END_TEST

/* Chunks smaller than they need be: each is a read of its own. */
START_TEST(small_chunks)
{
	static const struct layer_entry file = { .path = "f",
						 .mode = S_IFREG | 0644,
						 .size = 8192 };
	static const uint8_t size[] = { 0, 0x20, 0, 0, 0, 0, 0, 0 };
	_work_ struct work w = { 0 };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	struct firn_error err = { 0 };
	uint8_t *inode;

	begin(&w);
	add(&w, &file);
	finish(&w);
	inode = memmem(w.blob.data + 1152, w.blob.len - 1152, size, sizeof(size));
	ck_assert_ptr_nonnull(inode);
	inode -= 8;
	ck_assert_uint_eq(inode[16], 0x21); /* one chunk of two blocks becomes two of one */
	inode[16] = 0x20;
	memcpy(inode + 72, inode + 64, 8);
	inode[72 + 4]++;
	ck_assert_int_eq(open_it(&w.blob, &tree, &src, &err), -FIRN_EUNSUPP);
	ck_assert_str_eq(err.msg, "EROFS index: chunks that firn doesn't write");
}
END_TEST

START_TEST(no_overlay_xattrs)
{
	struct xattr mine = { NULL, (char *)"user.x", (uint8_t *)"1", 1 };
	struct xattr trusted = { &mine, (char *)"trusted.overlay.redirect", (uint8_t *)"/", 1 };
	struct xattr user = { &trusted, (char *)"user.overlay.metacopy", NULL, 0 };
	const struct layer_entry file = { .path = "f", .mode = S_IFREG | 0644, .xattrs = &user };
	_work_ struct work w = { 0 };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	struct firn_error err = { 0 };
	const struct node *n;

	begin(&w);
	add(&w, &file);
	finish(&w);
	ck_assert_int_eq(open_it(&w.blob, &tree, &src, &err), 1);
	n = tree_find(tree, "f");
	ck_assert_ptr_nonnull(n);
	ck_assert_ptr_nonnull(n->xattrs);
	ck_assert_str_eq(n->xattrs->name, "user.x");
	ck_assert_ptr_null(n->xattrs->next);
}
END_TEST

/* Neither compressed nor mountable. */
START_TEST(of_others)
{
	static const char zeros[8192];
	_cleanup_(source_closep) struct source *src = NULL;
	struct tree *tree = NULL;
	struct firn_error err = { 0 };

	ck_ok(source_from_mem(zeros, sizeof(zeros), &src, &err), err);
	ck_assert_int_eq(indexed_open(&src, 1000, &tree, &err), 0);
	ck_assert_ptr_null(tree);
}
END_TEST

/* Whatever the bytes are: an answer, and all that is read lies in the blob. */
START_TEST(changed_bytes)
{
	_work_ struct work w = { 0 };
	_buf_ struct buf blob = BUF_INIT;
	size_t meta;

	make(&w, _i, &blob);
	meta = (size_t)(blob.data[1064] | blob.data[1065] << 8) * LAYER_BLOCK;
	for (size_t at = 1024; at < blob.len; at++) {
		_cleanup_(tree_freep) struct tree *tree = NULL;
		_cleanup_(source_closep) struct source *src = NULL;
		struct firn_error err = { 0 };
		uint8_t byte[64];

		if ((at >= 1152 && at < (meta ? meta : 1152)) || at % 3)
			continue;
		if (!meta && at > LAYER_HEAD_BYTES)
			break;
		blob.data[at] ^= (uint8_t)(1 << at % 8);
		if (open_it(&blob, &tree, &src, &err) > 0)
			for (const struct node *n = tree->root; n; n = tree_next(tree, n))
				if (S_ISREG(n->mode) && n->size)
					(void)!source_pread(src, byte, sizeof(byte),
							    n->offset + n->size / 2, &err);
		blob.data[at] ^= (uint8_t)(1 << at % 8);
	}
}
END_TEST

static Suite *indexed_suite(void)
{
	Suite *s = suite_create("indexed");
	TCase *t = tcase_create("indexed");

	tcase_add_loop_test(t, as_the_tar_has_it, 0, 2);
	tcase_add_loop_test(t, hard_links_stay, 0, 2);
	tcase_add_loop_test(t, limit, 0, 2);
	tcase_add_loop_test(t, changed_bytes, 0, 2);
	tcase_add_test(t, many_dots);
	tcase_add_test(t, small_chunks);
	tcase_add_test(t, no_overlay_xattrs);
	tcase_add_test(t, of_others);
	tcase_add_test(t, much_text);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(indexed_suite)
