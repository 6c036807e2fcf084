/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "bytes/digest.h"
#include "erofs_read.h"
#include "format/tar.h"
#include "layer_work.h"

#include <stdio.h>
#include <string.h>

static void compare_entry(const struct layer_entry *want, const struct tar_entry *got,
			  const struct buf *blob)
{
	const struct xattr *x = got->xattrs;

	ck_assert_uint_eq(got->mode & S_IFMT, want->mode & S_IFMT);
	ck_assert_int_eq(got->hardlink, want->hardlink);
	if (want->target)
		ck_assert_str_eq(got->target, want->target);
	if (want->hardlink)
		return;
	ck_assert_uint_eq(got->mode, want->mode);
	ck_assert_uint_eq(got->uid, want->uid);
	ck_assert_uint_eq(got->gid, want->gid);
	ck_assert_uint_eq(got->major, want->major);
	ck_assert_uint_eq(got->minor, want->minor);
	ck_assert_uint_eq(got->size, want->size);
	ck_assert_int_eq(got->mtime, want->mtime);
	ck_assert_uint_eq(got->mtime_ns, want->mtime_ns);
	for (const struct xattr *i = want->xattrs; i; i = i->next, x = x->next) {
		ck_assert_ptr_nonnull(x);
		ck_assert_str_eq(x->name, i->name);
		ck_assert_uint_eq(x->len, i->len);
		ck_assert_mem_eq(x->value, i->value, i->len);
	}
	ck_assert_ptr_null(x);
	if (want->size)
		ck_assert_uint_eq(got->offset % LAYER_BLOCK, 0);
	for (uint64_t i = 0; i < want->size; i++)
		ck_assert_uint_eq(blob->data[got->offset + i], payload_byte(want->path, i));
}

static void next_is(struct tar *t, const char *path, const struct tar_entry **ret)
{
	struct firn_error err = { 0 };
	int rc = tar_next(t, ret, &err);

	ck_ok(rc, err);
	ck_assert_int_eq(rc, 1);
	ck_assert_str_eq((*ret)->path, path);
}

static void next_is_mark(struct tar *t, const char *path)
{
	const struct tar_entry *e;

	next_is(t, path, &e);
	ck_assert_uint_eq(e->mode, S_IFREG);
	ck_assert_uint_eq(e->size + e->uid + e->gid + (uint64_t)e->mtime, 0);
}

/* The tar reading: what was given, in that order, and nothing else. */
START_TEST(tar_view)
{
	_work_ struct work w = { 0 };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *t = NULL;
	struct firn_error err = { 0 };
	const struct tar_entry *e;

	build_sample(&w);
	ck_ok(source_from_mem(w.blob.data, w.blob.len, &src, &err), err);
	ck_ok(tar_open_source(src, NULL, &t, &err), err);
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		if (sample[i].whiteout) {
			next_is_mark(t, "d/.wh.gone");
			continue;
		}
		next_is(t, sample[i].path, &e);
		compare_entry(&sample[i], e, &w.blob);
		if (sample[i].opaque)
			next_is_mark(t, "o/.wh..wh..opq");
	}
	next_is_mark(t, "late/.wh..wh..opq");
	ck_assert_int_eq(tar_next(t, &e, &err), 0);
}
END_TEST

START_TEST(erofs_view)
{
	_work_ struct work w = { 0 };

	build_sample(&w);
	compare_views(&w.blob);
}
END_TEST

/* The bytes are a promise: a change here changes every digest that users have. */
START_TEST(golden)
{
	_work_ struct work a = { 0 }, b = { 0 };
	struct firn_error err = { 0 };
	char text[DIGEST_TEXT_MAX];
	struct digest d;

	build_sample(&a);
	build_sample(&b);
	ck_assert_uint_eq(a.blob.len, b.blob.len);
	ck_assert_mem_eq(a.blob.data, b.blob.data, a.blob.len);
	ck_ok(digest_of(a.blob.data, a.blob.len, &d, &err), err);
	ck_assert_str_eq(digest_text(&d, text),
			 "sha256:95808305e623f16570811d51702b6fa39eb1f7430467b3621e4a8de5c9c8074f");
}
END_TEST

START_TEST(nothing_in_it)
{
	_work_ struct work w = { 0 };
	struct firn_error err = { 0 };

	begin(&w);
	ck_assert(layer_empty(w.l));
	finish(&w);
	ck_assert_uint_eq(w.blob.len, LAYER_HEAD_BYTES + LAYER_BLOCK);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_OURS);
	compare_views(&w.blob);
}
END_TEST

START_TEST(opaque_root)
{
	_work_ struct work w = { 0 };
	_cleanup_(tree_freep) struct tree *t = NULL;
	const struct layer_entry root = { .path = "", .mode = S_IFDIR | 0755, .opaque = _i == 0 };
	struct firn_error err = { 0 };

	begin(&w);
	if (_i < 2)
		add(&w, &root);
	if (_i > 0)
		set_opaque(&w, "");
	ck_assert(!layer_empty(w.l));
	finish(&w);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, &t, &err), LAYER_OURS);
	ck_assert(t->root->opaque);
	compare_views(&w.blob);
}
END_TEST

/* Payloads of all lengths behind records of all lengths stay aligned. */
START_TEST(alignment)
{
	static char name[4][240];
	_work_ struct work w = { 0 };
	struct firn_error err = { 0 };
	char path[1000];

	for (int i = 0; i < 4; i++)
		memset(name[i], 'a' + i, sizeof(name[i]) - 1);
	begin(&w);
	for (int i = 0; i < 4; i++) {
		const struct layer_entry dir = { .path = path, .mode = S_IFDIR | 0755 };

		snprintf(path, sizeof(path), "%s%s%s%s%s%s%s", name[0], i > 0 ? "/" : "",
			 i > 0 ? name[1] : "", i > 1 ? "/" : "", i > 1 ? name[2] : "",
			 i > 2 ? "/" : "", i > 2 ? name[3] : "");
		add(&w, &dir);
	}
	for (unsigned i = 0; i < 700; i++) {
		struct layer_entry e = { .path = path, .mode = S_IFREG | 0644 };

		snprintf(path, sizeof(path), "%s/%s/%.*s%u", name[0], name[1], (int)(i % 230),
			 name[0], i);
		e.size = i * 131 % 5000;
		e.mtime_ns = i % 3 * 1000;
		add(&w, &e);
		ck_assert_uint_eq(layer_find(w.l, path)->offset % LAYER_BLOCK, 0);
		ck_assert_uint_eq(layer_find(w.l, path)->offset > 0, e.size > 0);
	}
	finish(&w);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_OURS);
	compare_views(&w.blob);
}
END_TEST

/* Over 900 KB of metadata go behind the end-of-archive marker. */
START_TEST(large)
{
	_work_ struct work w = { 0 };
	struct firn_error err = { 0 };
	struct erofs_image im;
	uint64_t tar_end;
	char path[64];

	begin(&w);
	for (int i = 0; i < 20000; i++) {
		struct layer_entry e = { .path = path, .mode = S_IFDIR | 0755, .mtime = i };

		snprintf(path, sizeof(path), "d%d", i / 200);
		if (i % 200 == 0)
			add(&w, &e);
		snprintf(path, sizeof(path), "d%d/some-file-name-%d", i / 200, i);
		e.mode = S_IFREG | 0644;
		e.size = i % 1000 == 0 ? 10 : 0;
		add(&w, &e);
	}
	tar_end = layer_bytes(w.l);
	finish(&w);
	ck_assert_uint_gt(w.blob.len - tar_end, 900u << 10);
	erofs_image_open(&im, w.blob.data, w.blob.len);
	ck_assert_uint_ge(im.meta, tar_end + 1024);
	ck_assert_uint_eq(im.root, 0);
	compare_views(&w.blob);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_OURS);
	for (uint64_t at = im.meta; at < w.blob.len; at += w.blob.len / 6) {
		w.blob.data[at] ^= 1;
		ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_FORGED);
		w.blob.data[at] ^= 1;
	}
	/* the same metadata, one block further */
	buf_fill(&w.blob, 0, LAYER_BLOCK);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_FORGED);
}
END_TEST

/* The head is used to its last byte but one, and not beyond. */
START_TEST(head_edge)
{
	bool in_head = false, behind = false;
	struct firn_error err = { 0 };

	for (int n = 600; n < 760; n += 4) {
		_work_ struct work w = { 0 };
		struct erofs_image im;
		char path[32];

		begin(&w);
		for (int i = 0; i < n; i++) {
			const struct layer_entry e = { .path = path, .mode = S_IFREG | 0644 };

			snprintf(path, sizeof(path), "file%d", i);
			add(&w, &e);
		}
		finish(&w);
		erofs_image_open(&im, w.blob.data, w.blob.len);
		*(im.meta ? &behind : &in_head) = true;
		ck_assert(!(in_head && behind) || im.meta);
		ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_OURS);
		compare_views(&w.blob);
	}
	ck_assert(in_head && behind);
}
END_TEST

static struct xattr strange = { NULL, (char *)"btrfs.x", (uint8_t *)"", 0 };
static struct xattr equals = { NULL, (char *)"user.a=b", (uint8_t *)"", 0 };

static const struct {
	struct layer_entry e;
	int rc;
} refused[] = {
	{ { .path = "", .mode = S_IFDIR | 0755 }, -FIRN_ECORRUPT }, /* not the first */
	{ { .path = "f", .mode = S_IFREG }, -FIRN_ECORRUPT },
	{ { .path = "d", .mode = S_IFDIR }, -FIRN_ECORRUPT },
	{ { .path = "f/x", .mode = S_IFREG }, -FIRN_ECORRUPT },
	{ { .path = "s/x", .mode = S_IFREG }, -FIRN_ECORRUPT },
	{ { .path = "n/x", .mode = S_IFREG }, -FIRN_ECORRUPT },
	{ { .path = "w/x", .mode = S_IFREG }, -FIRN_ECORRUPT },
	{ { .path = "h", .hardlink = true }, -FIRN_ECORRUPT },
	{ { .path = "h", .hardlink = true, .target = "n" }, -FIRN_ECORRUPT },
	{ { .path = "h", .hardlink = true, .target = "h" }, -FIRN_ECORRUPT },
	{ { .path = "h", .hardlink = true, .target = "d" }, -FIRN_ECORRUPT },
	{ { .path = "h", .hardlink = true, .target = "w" }, -FIRN_ECORRUPT },
	{ { .path = ".wh.x", .mode = S_IFREG }, -FIRN_EUNSUPP },
	{ { .path = "d/.wh.", .mode = S_IFREG }, -FIRN_EUNSUPP },
	{ { .path = "d/.wh..wh..opq", .mode = S_IFREG }, -FIRN_EUNSUPP },
	{ { .path = "d/.wh.x", .whiteout = true }, -FIRN_EUNSUPP },
	{ { .path = "d/" D250 "12", .whiteout = true }, -FIRN_EUNSUPP },
	{ { .path = "sock", .mode = S_IFSOCK }, -FIRN_EUNSUPP },
	{ { .path = "x", .mode = S_IFREG, .xattrs = &strange }, -FIRN_EUNSUPP },
	{ { .path = "x", .mode = S_IFREG, .xattrs = &equals }, -FIRN_EUNSUPP },
	{ { .path = "x", .mode = S_IFREG, .opaque = true }, -FIRN_EINVAL },
	{ { .path = "x", .mode = 0644 }, -FIRN_EINVAL },
	{ { .path = "x", .mode = S_IFLNK }, -FIRN_ECORRUPT },
	{ { .path = "x", .mode = S_IFCHR, .major = 4096 }, -FIRN_EUNSUPP },
	{ { .path = "x", .mode = S_IFREG, .mtime_ns = 1000000000 }, -FIRN_EINVAL },
	{ { .path = "x", .mode = S_IFREG, .size = UINT64_C(1) << 44 }, -FIRN_ELIMIT },
	{ { .path = "x", .mode = S_IFREG, .size = UINT64_MAX }, -FIRN_ELIMIT },
};

/* A refused member leaves no trace: the layer goes on without it. */
START_TEST(refuse)
{
	static const struct layer_entry base[] = {
		{ .path = "f", .mode = S_IFREG, .size = 1 },
		{ .path = "d", .mode = S_IFDIR | 0755 },
		{ .path = "s", .mode = S_IFLNK, .target = "d" },
		{ .path = "w", .whiteout = true },
	};
	_work_ struct work w = { 0 };
	struct firn_error err = { 0 };
	int rc;

	begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(base); i++)
		add(&w, &base[i]);
	rc = try_add(&w, &refused[_i].e, &err);
	ck_assert_msg(rc == refused[_i].rc, "%s: %d %s", refused[_i].e.path, rc, err.msg);
	ck_assert_msg(strncmp(err.msg, "entry \"", 7) == 0, "%s", err.msg);
	finish(&w);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_OURS);
}
END_TEST

static const struct {
	const char *path;
	int rc;
} refused_opaque[] = {
	{ "f", -FIRN_ECORRUPT },
	{ "o", -FIRN_ECORRUPT },
	{ "none", -FIRN_ECORRUPT },
};

START_TEST(refuse_opaque)
{
	static const struct layer_entry base[] = {
		{ .path = "f", .mode = S_IFREG },
		{ .path = "o", .mode = S_IFDIR | 0755, .opaque = true },
	};
	_work_ struct work w = { 0 };
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err = { 0 };

	begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(base); i++)
		add(&w, &base[i]);
	ck_assert_int_eq(layer_set_opaque(w.l, refused_opaque[_i].path, &out, &err),
			 refused_opaque[_i].rc);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

/* What the root can carry is bounded by the head, what a member can by the readers of pax. */
START_TEST(large_xattrs)
{
	_free_ uint8_t *big = calloc(1, 65535);
	struct xattr c = { NULL, (char *)"user.c", big, 65535 };
	struct xattr b = { &c, (char *)"user.b", big, 65535 };
	struct xattr a = { NULL, (char *)"user.a", big, 50000 };
	const struct layer_entry root = { .path = "", .mode = S_IFDIR | 0755, .xattrs = &a };
	const struct layer_entry too_much = { .path = "", .mode = S_IFDIR | 0755, .xattrs = &b };
	const struct layer_entry file = { .path = "f", .mode = S_IFREG, .size = 1, .xattrs = &b };
	_work_ struct work w = { 0 };
	struct firn_error err = { 0 };

	begin(&w);
	ck_assert_int_eq(try_add(&w, &too_much, &err), -FIRN_EUNSUPP);
	add(&w, &root);
	add(&w, &file);
	finish(&w);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_OURS);
	compare_views(&w.blob);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("layer");
	TCase *tc = tcase_create("layer");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, tar_view);
	tcase_add_test(tc, erofs_view);
	tcase_add_test(tc, golden);
	tcase_add_test(tc, nothing_in_it);
	tcase_add_loop_test(tc, opaque_root, 0, 3);
	tcase_add_test(tc, alignment);
	tcase_add_test(tc, large);
	tcase_add_test(tc, head_edge);
	tcase_add_loop_test(tc, refuse, 0, ARRAY_SIZE(refused));
	tcase_add_loop_test(tc, refuse_opaque, 0, ARRAY_SIZE(refused_opaque));
	tcase_add_test(tc, large_xattrs);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
