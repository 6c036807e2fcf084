/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "bytes/digest.h"
#include "erofs_read.h"
#include "format/erofs.h"
#include "format/layer.h"
#include "format/tar.h"

#include <stdio.h>
#include <string.h>

/* A layer under construction, and the blob as it comes out. */
struct work {
	struct layer *l;
	struct buf blob;
};

static void work_done(struct work *w)
{
	layer_free(w->l);
	buf_done(&w->blob);
}

#define _work_ _cleanup_(work_done)

static void begin(struct work *w)
{
	struct firn_error err = { 0 };

	ck_ok(layer_new(&w->l, &err), err);
	buf_fill(&w->blob, 0, LAYER_HEAD_BYTES);
}

/* The byte at @i of the payload of @path. */
static uint8_t payload_byte(const char *path, uint64_t i)
{
	return (uint8_t)(path[0] + i * 7 + i / 256);
}

static int try_add(struct work *w, const struct layer_entry *e, struct firn_error *err)
{
	_buf_ struct buf out = BUF_INIT;
	int rc = layer_add(w->l, e, &out, err);

	if (rc < 0)
		return rc;
	buf_put(&w->blob, out.data, out.len);
	if (S_ISREG(e->mode) && !e->hardlink && !e->whiteout)
		for (uint64_t i = 0; i < e->size; i++) {
			uint8_t byte = payload_byte(e->path, i);

			buf_put(&w->blob, &byte, 1);
		}
	ck_assert_uint_eq(layer_bytes(w->l), w->blob.len);
	return rc;
}

static void add(struct work *w, const struct layer_entry *e)
{
	struct firn_error err = { 0 };

	ck_ok(try_add(w, e, &err), err);
}

static void set_opaque(struct work *w, const char *path)
{
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err = { 0 };

	ck_ok(layer_set_opaque(w->l, path, &out, &err), err);
	buf_put(&w->blob, out.data, out.len);
}

static void finish(struct work *w)
{
	_buf_ struct buf tail = BUF_INIT, head = BUF_INIT;
	struct firn_error err = { 0 };

	ck_ok(layer_finish(w->l, &tail, &head, &err), err);
	ck_assert_uint_eq(head.len, LAYER_HEAD_BYTES);
	buf_put(&w->blob, tail.data, tail.len);
	memcpy(w->blob.data, head.data, head.len);
	ck_assert_uint_eq(w->blob.len % LAYER_BLOCK, 0);
	ck_assert_uint_eq(layer_bytes(w->l), w->blob.len);
	ck_assert_uint_eq(w->blob.data[LAYER_HEAD_BYTES - 1], '\n');
}

static int check_bytes(const void *bytes, size_t n, struct tree **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;

	ck_ok(source_from_mem(bytes, n, &src, err), *err);
	return layer_check(src, ret, err);
}

#define D10  "0123456789"
#define D50  D10 D10 D10 D10 D10
#define D100 D50 D50
#define D250 D100 D100 D50

static struct xattr cap = { NULL, (char *)"security.capability", (uint8_t *)"\1\0\0\2\n=", 6 };
static struct xattr two = { &cap, (char *)"security.a", (uint8_t *)"", 0 };
static struct xattr root_xattr = { NULL, (char *)"user.root", (uint8_t *)"r", 1 };
static char target_4095[4096];

static const struct layer_entry sample[] = {
	{ .path = "",
	  .mode = S_IFDIR | 01750,
	  .uid = 3,
	  .mtime = 99,
	  .mtime_ns = 5,
	  .xattrs = &root_xattr },
	{ .path = "empty", .mode = S_IFREG | 0600, .mtime = 1 },
	{ .path = "one", .mode = S_IFREG | 04755, .size = 1, .mtime = -1, .uid = 2097151 },
	{ .path = "page", .mode = S_IFREG | 0644, .size = 4096, .mtime_ns = 500000000 },
	{ .path = "odd", .mode = S_IFREG | 0644, .size = 9999, .uid = 2097152, .gid = 4294967295u },
	{ .path = "far", .mode = S_IFREG | 0644, .size = 512, .mtime = 8589934592 },
	{ .path = "farther", .mode = S_IFREG, .size = 513, .mtime = -62135596800, .xattrs = &two },
	{ .path = "d", .mode = S_IFDIR | 02775, .mtime = 1700000000, .mtime_ns = 123456789 },
	{ .path = "d/" D100, .mode = S_IFREG | 0644, .size = 3 },
	{ .path = "d/" D250, .mode = S_IFDIR | 0755 },
	{ .path = "d/" D250 "/" D250, .mode = S_IFREG | 0644, .size = 70000 },
	{ .path = "d/" D250 "/link",
	  .mode = S_IFREG,
	  .hardlink = true,
	  .target = "d/" D250 "/" D250 },
	{ .path = "again", .mode = S_IFREG, .hardlink = true, .target = "d/" D250 "/link" },
	{ .path = "short", .mode = S_IFLNK | 0777, .target = "../x//y" },
	{ .path = "long", .mode = S_IFLNK | 0777, .target = D100 "1" },
	{ .path = "longest", .mode = S_IFLNK | 0777, .target = target_4095 },
	{ .path = "null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3 },
	{ .path = "nvme", .mode = S_IFBLK | 0660, .major = 4095, .minor = 1048575 },
	{ .path = "fifo", .mode = S_IFIFO | 0640 },
	{ .path = "\xc3\xa4\n\xff", .mode = S_IFREG | 0644, .size = 2 },
	{ .path = "d/gone", .whiteout = true, .mode = S_IFREG | 0777, .uid = 9, .mtime = 9 },
	{ .path = "o", .mode = S_IFDIR | 0700, .opaque = true },
	{ .path = "o/in", .mode = S_IFREG | 0600, .size = 100 },
	{ .path = "late", .mode = S_IFDIR | 0711 },
	{ .path = "late/in", .mode = S_IFREG | 0600, .size = 100 },
};

static void build_sample(struct work *w)
{
	memset(target_4095, 't', 4095);
	begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(sample); i++)
		add(w, &sample[i]);
	set_opaque(w, "late");
	finish(w);
}

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
	for (size_t i = 0; i < ARRAY_SIZE(sample); i++) {
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

/* The EROFS reading equals the tar reading. */
static void compare_views(const struct buf *blob)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *scanned = NULL;
	_cleanup_(erofs_freep) struct erofs *plan = NULL;
	_buf_ struct buf want = BUF_INIT, got = BUF_INIT;
	const struct erofs_opts opts = { .block_bits = 12 };
	struct firn_error err = { 0 };
	struct erofs_image im;

	ck_ok(source_from_mem(blob->data, blob->len, &src, &err), err);
	ck_ok(tar_scan(src, TAR_WHITEOUTS_MARK, 0, 0, &scanned, &err), err);
	ck_ok(erofs_plan(scanned, &opts, &plan, &err), err); /* for the link counts */
	tree_list(scanned->root, &want);
	erofs_image_open(&im, blob->data, blob->len);
	ck_assert_uint_eq(im.blocks, blob->len / LAYER_BLOCK);
	erofs_image_list(&im, &got);
	ck_assert_str_eq((char *)got.data, (char *)want.data);
}

START_TEST(erofs_view)
{
	_work_ struct work w = { 0 };

	build_sample(&w);
	compare_views(&w.blob);
}
END_TEST

START_TEST(is_ours)
{
	_work_ struct work w = { 0 };
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	const struct node *n;

	build_sample(&w);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_OURS);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, &t, &err), LAYER_OURS);
	ck_assert_uint_eq(t->count, ARRAY_SIZE(sample));
	n = tree_find(t, "odd");
	ck_assert_uint_eq(n->offset, layer_find(w.l, "odd")->offset);
	ck_assert_uint_eq(w.blob.data[n->offset + 9998], payload_byte("odd", 9998));
	ck_assert(tree_find(t, "d/gone")->whiteout);
	ck_assert(tree_find(t, "late")->opaque);
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

/* Is [@at, @at + 1) a payload byte of the layer? Those are never looked at. */
static bool in_payload(const struct layer *l, uint64_t at)
{
	for (size_t i = 0; i < ARRAY_SIZE(sample); i++) {
		const struct node *n = layer_find(l, sample[i].path);

		if (n->size && at >= n->offset && at < n->offset + n->size)
			return true;
	}
	return false;
}

/* Every byte outside of the payloads counts. */
START_TEST(forged)
{
	_work_ struct work w = { 0 };
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };

	build_sample(&w);
	ck_ok(source_from_mem(w.blob.data, w.blob.len, &src, &err), err);
	for (size_t at = 0; at < w.blob.len; at++) {
		bool payload = in_payload(w.l, at);
		int rc;

		if (payload && at % 9973)
			continue;
		/* fillings, and names of many equal bytes */
		if (!payload && at % 251 && w.blob.data[at] == w.blob.data[at - 1])
			continue;
		w.blob.data[at] ^= (uint8_t)(1 << at % 8);
		rc = layer_check(src, NULL, &err);
		w.blob.data[at] ^= (uint8_t)(1 << at % 8);
		if (payload)
			ck_assert_msg(rc == LAYER_OURS, "payload byte %zu: %d", at, rc);
		else if (at >= EROFS_SUPER_AT && at < EROFS_SUPER_AT + 4)
			ck_assert_msg(rc == LAYER_FOREIGN, "byte %zu: %d", at, rc);
		else
			ck_assert_msg(rc == LAYER_FORGED, "byte %zu: %d", at, rc);
	}
}
END_TEST

/* What is wrong with the tar itself shows when somebody asks for its tree. */
START_TEST(cut)
{
	_work_ struct work w = { 0 };
	struct firn_error err = { 0 };

	build_sample(&w);
	for (size_t n = 0; n < w.blob.len; n += 512) {
		_cleanup_(tree_freep) struct tree *t = NULL;
		int rc = check_bytes(w.blob.data, n, NULL, &err);

		ck_assert_int_eq(rc, n <= EROFS_SUPER_AT ? LAYER_FOREIGN : LAYER_FORGED);
		rc = check_bytes(w.blob.data, n, &t, &err);
		if (n + LAYER_BLOCK + 512 < w.blob.len)
			ck_assert_int_eq(rc, -FIRN_ECORRUPT);
		ck_assert_int_eq(rc >= 0, t != NULL);
	}
}
END_TEST

/* The forged layer's tree is that of its tar. */
START_TEST(forged_tree)
{
	_work_ struct work w = { 0 };
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };

	build_sample(&w);
	w.blob.data[EROFS_SUPER_AT + 200] ^= 0x40;
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, &t, &err), LAYER_FORGED);
	ck_assert_uint_eq(t->count, ARRAY_SIZE(sample));
	ck_assert_uint_eq(tree_find(t, "odd")->size, 9999);
}
END_TEST

/* A tar of one file, as anybody writes it. */
START_TEST(foreign)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	uint8_t tar[4 * 512] = "file";
	unsigned sum = 0;

	memcpy(tar + 100, "0000644\0000000000\0000000000\00000000000003\00000000000000\0        0",
	       57);
	memcpy(tar + 257, "ustar\00000", 8);
	for (int i = 0; i < 512; i++)
		sum += tar[i];
	snprintf((char *)tar + 148, 8, "%06o", sum);
	memcpy(tar + 512, "abc", 3);
	ck_assert_int_eq(check_bytes(tar, sizeof(tar), &t, &err), LAYER_FOREIGN);
	ck_assert_uint_eq(tree_find(t, "file")->size, 3);
	ck_assert_uint_eq(tree_find(t, "file")->offset, 512);
}
END_TEST

/* A blob with a payload of terabytes, of which only the ends are there. */
struct sparse {
	struct source src;
	const struct buf *front, *back;
	uint64_t reads;
};

static ssize_t sparse_pread(struct source *src, void *buf, size_t n, uint64_t at,
			    struct firn_error *err)
{
	struct sparse *s = (struct sparse *)src;
	const uint64_t back = src->size - s->back->len;

	(void)err;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	s->reads += n;
	for (size_t i = 0; i < n; i++) {
		uint64_t pos = at + i;
		uint8_t byte = 0;

		if (pos < s->front->len)
			byte = s->front->data[pos];
		else if (pos >= back)
			byte = s->back->data[pos - back];
		((uint8_t *)buf)[i] = byte;
	}
	return (ssize_t)n;
}

static void sparse_close(struct source *src)
{
	(void)src;
}

START_TEST(headers_only)
{
	static const struct source_ops ops = { sparse_pread, sparse_close };
	static const uint64_t sizes[] = { 1, (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33,
					  (UINT64_C(5) << 40) + 1 };
	_work_ struct work w = { 0 };
	_buf_ struct buf out = BUF_INIT, tail = BUF_INIT, head = BUF_INIT;
	const struct layer_entry e = { .path = "pages", .mode = S_IFREG, .size = sizes[_i] };
	struct firn_error err = { 0 };
	struct sparse s = { .src.ops = &ops, .front = &w.blob, .back = &tail };

	begin(&w);
	ck_ok(layer_add(w.l, &e, &out, &err), err);
	buf_put(&w.blob, out.data, out.len);
	ck_ok(layer_finish(w.l, &tail, &head, &err), err);
	memcpy(w.blob.data, head.data, head.len);
	s.src.size = w.blob.len + e.size + tail.len;
	ck_assert_uint_eq(s.src.size % LAYER_BLOCK, 0);
	ck_assert_int_eq(layer_check(&s.src, NULL, &err), LAYER_OURS);
	ck_assert_uint_lt(s.reads, 1 << 20);
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
	tcase_add_test(tc, is_ours);
	tcase_add_test(tc, golden);
	tcase_add_test(tc, nothing_in_it);
	tcase_add_loop_test(tc, opaque_root, 0, 3);
	tcase_add_test(tc, alignment);
	tcase_add_test(tc, large);
	tcase_add_test(tc, head_edge);
	tcase_add_test(tc, forged);
	tcase_add_test(tc, cut);
	tcase_add_test(tc, forged_tree);
	tcase_add_test(tc, foreign);
	tcase_add_loop_test(tc, headers_only, 0, 4);
	tcase_add_loop_test(tc, refuse, 0, ARRAY_SIZE(refused));
	tcase_add_loop_test(tc, refuse_opaque, 0, ARRAY_SIZE(refused_opaque));
	tcase_add_test(tc, large_xattrs);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
