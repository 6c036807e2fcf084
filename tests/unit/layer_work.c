/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layer_work.h"

#include "base/fd.h"
#include "erofs_read.h"
#include "format/erofs.h"
#include "format/tar.h"
#include "unit.h"

#include <string.h>

void work_done(struct work *w)
{
	layer_free(w->l);
	buf_done(&w->blob);
}

void begin(struct work *w)
{
	struct firn_error err = { 0 };

	ck_ok(layer_new(&w->l, &err), err);
	buf_fill(&w->blob, 0, LAYER_HEAD_BYTES);
}

uint8_t payload_byte(const char *path, uint64_t i)
{
	return (uint8_t)(path[0] + i * 7 + i / 256);
}

int try_add(struct work *w, const struct layer_entry *e, struct firn_error *err)
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

void add(struct work *w, const struct layer_entry *e)
{
	struct firn_error err = { 0 };

	ck_ok(try_add(w, e, &err), err);
}

void set_opaque(struct work *w, const char *path)
{
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err = { 0 };

	ck_ok(layer_set_opaque(w->l, path, &out, &err), err);
	buf_put(&w->blob, out.data, out.len);
}

void finish(struct work *w)
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

int check_bytes(const void *bytes, size_t n, struct tree **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;

	ck_ok(source_from_mem(bytes, n, &src, err), *err);
	return layer_check(src, ret, err);
}

static struct xattr cap = { NULL, (char *)"security.capability", (uint8_t *)"\1\0\0\2\n=", 6 };
static struct xattr two = { &cap, (char *)"security.a", (uint8_t *)"", 0 };
static struct xattr root_xattr = { NULL, (char *)"user.root", (uint8_t *)"r", 1 };
static char target_4095[4096];

const struct layer_entry sample[SAMPLE_COUNT] = {
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

void build_sample(struct work *w)
{
	memset(target_4095, 't', 4095);
	begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(sample); i++)
		add(w, &sample[i]);
	set_opaque(w, "late");
	finish(w);
}

void compare_views(const struct buf *blob)
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
