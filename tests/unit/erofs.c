/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "erofs_read.h"
#include "format/erofs.h"

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

	ck_assert_int_eq(tree_make(t, path, &n, &err), 1);
	n->mode = mode;
	n->implied = false;
	return n;
}

static struct node *make_file(struct tree *t, const char *path, uint64_t size, uint64_t offset)
{
	struct node *n = make(t, path, S_IFREG | 0644);

	n->size = size;
	n->offset = offset;
	return n;
}

static void set_xattr(struct tree *t, struct node *n, const char *name, const char *value)
{
	struct firn_error err = { 0 };

	ck_ok(tree_set_xattr(t, n, name, value, strlen(value), &err), err);
}

static void link_to(struct tree *t, const char *path, struct node *to)
{
	make(t, path, S_IFREG)->link = to;
}

/* A bit of everything. Offsets are multiples of 4096. */
static struct tree *sample(void)
{
	struct tree *t = fresh();
	struct firn_error err = { 0 };
	struct node *n;

	t->root->mode = S_IFDIR | 01777;
	t->root->mtime = 1700000000;
	make_file(t, "empty", 0, 0);
	n = make_file(t, "file", 5000, 65536 * 3);
	n->uid = 70000;
	n->gid = 4294967294u;
	n->mtime = -86400;
	n->mtime_ns = 999999999;
	set_xattr(t, n, "user.one", "1");
	set_xattr(t, n, "security.capability", "\1\2\3");
	set_xattr(t, n, "trusted.x", "");
	link_to(t, "hard", n);
	link_to(t, "usr/hard", n);
	make(t, "usr/bin/su", S_IFREG | 04755);
	n = make(t, "dev/sda", S_IFBLK | 0660);
	n->major = 259;
	n->minor = 0x12345;
	n = make(t, "dev/null", S_IFCHR | 0666);
	n->major = 1;
	n->minor = 3;
	make(t, "dev/fifo", S_IFIFO | 0600);
	make(t, "dev/sock", S_IFSOCK | 0600);
	n = make(t, "gone", S_IFCHR | 0640); /* attributes of a whiteout mean nothing */
	n->whiteout = true;
	n->uid = 5;
	n->mtime = 77;
	n = make(t, "opaque", S_IFDIR | 0700);
	n->opaque = true;
	set_xattr(t, n, "user.z", "zz");
	make(t, "!first", S_IFDIR | 0755);
	make(t, "!first/-", S_IFDIR | 0755);
	ck_ok(tree_set_target(t, make(t, "link", S_IFLNK | 0777), "usr/bin/su", &err), err);
	return t;
}

/* Plan and print @t; the image as it would lie in its file, @meta_at considered. */
static void image_of(struct tree *t, const struct erofs_opts *opts, struct buf *ret)
{
	_buf_ struct buf head = BUF_INIT, meta = BUF_INIT;
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	struct firn_error err = { 0 };
	uint64_t total;

	ck_ok(erofs_plan(t, opts, &e, &err), err);
	total = (opts->meta_at ? opts->meta_at : erofs_head_bytes(e)) + erofs_meta_bytes(e);
	ck_ok(erofs_emit(e, opts->meta_at ? total : 0, &head, &meta, &err), err);
	buf_fill(ret, 0xee, EROFS_SUPER_AT);
	buf_put(ret, head.data, head.len);
	if (opts->meta_at) {
		ck_assert_uint_eq(head.len + EROFS_SUPER_AT, erofs_head_bytes(e));
		ck_assert_uint_eq(meta.len, erofs_meta_bytes(e));
		buf_fill(ret, 0xee, opts->meta_at - ret->len);
		buf_put(ret, meta.data, meta.len);
	}
	ck_assert_uint_eq(ret->len, total);
	ck_assert_uint_eq(total % (UINT64_C(1) << opts->block_bits), 0);
}

static void check_image(struct tree *t, const struct erofs_opts *opts)
{
	_buf_ struct buf image = BUF_INIT, got = BUF_INIT, want = BUF_INIT;
	struct erofs_image im;

	image_of(t, opts, &image);
	erofs_image_open(&im, image.data, image.len);
	ck_assert_uint_eq(im.bits, opts->block_bits);
	erofs_image_list(&im, &got);
	tree_list(t->root, &want);
	ck_assert_str_eq((char *)got.data, (char *)want.data);
}

static const struct erofs_device two_devices[] = {
	{ .tag = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	  .bytes = 1 << 20 },
	{ .tag = "", .bytes = (1 << 20) + 512 },
};

static const struct erofs_opts forms[] = {
	{ .block_bits = 12 },
	{ .block_bits = 9 },
	{ .block_bits = 12, .meta_at = 1 << 20 },
	{ .block_bits = 9, .meta_at = 65536 * 5 + 512 },
	{ .block_bits = 12, .devices = two_devices, .ndevices = 2 },
	{ .block_bits = 9, .devices = two_devices, .ndevices = 2 },
	{ .block_bits = 10 },
	{ .block_bits = 11, .meta_at = 8192 },
};

START_TEST(whole_tree)
{
	_cleanup_(tree_freep) struct tree *t = sample();

	tree_find(t, "file")->device = forms[_i].ndevices;
	if (!forms[_i].ndevices && !forms[_i].meta_at)
		tree_find(t, "file")->offset = 0;
	if (forms[_i].meta_at)
		tree_find(t, "file")->offset = 4096;
	if (forms[_i].ndevices && forms[_i].block_bits == 9)
		tree_find(t, "file")->offset = 512 * 7;
	check_image(t, &forms[_i]);
	ck_assert_uint_eq(tree_find(t, "file")->nlink, 3);
	ck_assert_uint_eq(tree_find(t, "")->nlink, 6);
}
END_TEST

/* Names around "." and "..", and folders of many blocks. */
START_TEST(large_folder)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	char name[300];

	make(t, "d/!", S_IFDIR | 0755);
	make(t, "d/-", S_IFREG);
	make(t, "d/.", S_IFREG); /* never comes in through a normalised path */
	tree_remove(t, tree_find(t, "d/."));
	make(t, "d/...", S_IFREG);
	make(t, "d/.a", S_IFREG);
	make(t, "d/\xff\xfe", S_IFREG);
	for (int i = 0; i < 3000; i++) {
		snprintf(
		    name, sizeof(name), "d/%d%.*s", i * 7919 % 3000, i % 250,
		    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
		make(t, name, i % 3 ? S_IFREG : S_IFDIR);
	}
	check_image(t, &forms[_i]);
}
END_TEST

/* Inline or in blocks, at every length around the edges. */
START_TEST(long_targets)
{
	static const int lengths[] = { 1,    31,   63,   127,  255,  256,  257,  447,
				       448,  449,  511,  512,  513,  1023, 1024, 2047,
				       2048, 2049, 4031, 4032, 4033, 4094, 4095 };
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	char text[4096], name[32];

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct node *n;

		memset(text, 'a' + (int)i, sizeof(text));
		text[lengths[i]] = '\0';
		snprintf(name, sizeof(name), "l%zu", i);
		n = make(t, name, S_IFLNK | 0777);
		ck_ok(tree_set_target(t, n, text, &err), err);
		if (i % 2)
			set_xattr(t, n, "trusted.t", "0123456789012345678901234567890123456789");
	}
	check_image(t, &forms[_i]);
}
END_TEST

START_TEST(large_xattrs)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	struct firn_error err = { 0 };
	_free_ char *big = malloc(65535);
	struct node *n = make_file(t, "f", 1, 0);

	memset(big, 'v', 65535);
	ck_ok(tree_set_xattr(t, n, "user.big", big, 65535, &err), err);
	ck_ok(tree_set_xattr(t, n, "user.big2", big, 65533, &err), err);
	set_xattr(t, n, "system.posix_acl_access", "acl");
	n = make(t, "d", S_IFDIR | 0755);
	ck_ok(tree_set_xattr(t, n, "user.d", big, 5000, &err), err);
	set_xattr(t, n, "system.posix_acl_default", "acl");
	n->opaque = true;
	check_image(t, &forms[_i]);
}
END_TEST

/* An opaque folder has one mark, whatever the tree says. */
START_TEST(opaque_once)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	_buf_ struct buf image = BUF_INIT, got = BUF_INIT;
	struct node *n = make(t, "d", S_IFDIR | 0755);
	struct erofs_image im;

	set_xattr(t, n, "trusted.overlay.opaque", "n");
	n->opaque = true;
	image_of(t, &forms[0], &image);
	erofs_image_open(&im, image.data, image.len);
	erofs_image_list(&im, &got);
	ck_assert_str_eq((char *)got.data, ". 40755 3 0 0 0.000000000\n"
					   "d 40755 2 0 0 0.000000000 trusted.overlay.opaque=79\n");
}
END_TEST

/* Content that was taken out of the tree lives on in the hard links to it. */
START_TEST(link_outlives_target)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	_buf_ struct buf image = BUF_INIT, got = BUF_INIT;
	struct node *n = make_file(t, "old/f", 3, 0);
	struct erofs_image im;

	link_to(t, "a", n);
	link_to(t, "b", n);
	tree_remove(t, tree_find(t, "old"));
	image_of(t, &forms[0], &image);
	erofs_image_open(&im, image.data, image.len);
	ck_assert_uint_eq(im.inodes, 2);
	erofs_image_list(&im, &got);
	ck_assert_str_eq((char *)got.data, ". 40755 2 0 0 0.000000000\n"
					   "a 100644 2 0 0 0.000000000 size=3 dev=0 at=0\n"
					   "b 100644 2 0 0 0.000000000 size=3 dev=0 at=0\n");
}
END_TEST

/* Files above 2 GiB have several chunks; the size of the metadata does not look at offsets. */
START_TEST(large_files)
{
	static const uint64_t sizes[] = {
		1, 4096, 4097, UINT64_C(1) << 31, (UINT64_C(1) << 31) + 1, UINT64_C(5) << 40
	};
	static const struct erofs_device device = { .tag = "x", .bytes = UINT64_C(15) << 40 };
	static const struct erofs_opts opts = { .block_bits = 12,
						.devices = &device,
						.ndevices = 1 };
	_cleanup_(tree_freep) struct tree *t = fresh();
	_buf_ struct buf before = BUF_INIT, after = BUF_INIT;
	uint64_t at = 0;
	char name[8];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(name, sizeof(name), "f%zu", i);
		make_file(t, name, sizes[i], 0)->device = 1;
	}
	image_of(t, &opts, &before);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(name, sizeof(name), "f%zu", i);
		tree_find(t, name)->offset = at;
		at += (sizes[i] + 4095) / 4096 * 4096;
	}
	check_image(t, &opts);
	image_of(t, &opts, &after);
	ck_assert_uint_eq(before.len, after.len);
}
END_TEST

START_TEST(deterministic)
{
	_cleanup_(tree_freep) struct tree *a = fresh(), *b = fresh();
	_buf_ struct buf image_a = BUF_INIT, image_b = BUF_INIT;
	char name[16];

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "d%d/f%d", i % 10, i);
		make_file(a, name, (uint64_t)i, 0);
		snprintf(name, sizeof(name), "d%d/f%d", (499 - i) % 10, 499 - i);
		make_file(b, name, (uint64_t)(499 - i), 0);
	}
	image_of(a, &forms[_i], &image_a);
	image_of(b, &forms[_i], &image_b);
	ck_assert_uint_eq(image_a.len, image_b.len);
	ck_assert_mem_eq(image_a.data, image_b.data, image_a.len);
}
END_TEST

START_TEST(device_table)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	_buf_ struct buf image = BUF_INIT;
	struct erofs_image im;

	image_of(t, &forms[_i], &image);
	erofs_image_open(&im, image.data, image.len);
	ck_assert_uint_eq(im.devices, 2);
	ck_assert_mem_eq(im.device_table, two_devices[0].tag, 64);
	ck_assert_uint_eq(im.device_table[128], 0);
	ck_assert_uint_eq(im.device_table[64] | im.device_table[65] << 8, (1 << 20) >> im.bits);
	ck_assert_uint_eq(im.device_table[192] | im.device_table[193] << 8,
			  ((1 << 20) >> im.bits) + 1);
}
END_TEST

/* Many devices push the metadata far out, and the root must still have a 16-bit nid. */
START_TEST(many_devices)
{
	_cleanup_(tree_freep) struct tree *t = sample();
	_free_ struct erofs_device *devices = calloc(65535, sizeof(*devices));
	struct erofs_opts opts = { .block_bits = 12, .devices = devices, .ndevices = 65535 };

	for (int i = 0; i < 65535; i++)
		devices[i].bytes = 1 << 20;
	tree_find(t, "file")->device = 65535;
	check_image(t, &opts);
}
END_TEST

struct refusal {
	const char *what;
	void (*spoil)(struct tree *t, struct node *n);
	int rc;
};

static void spoil_offset(struct tree *t, struct node *n)
{
	(void)t;
	n->offset = 512;
}

static void spoil_far(struct tree *t, struct node *n)
{
	(void)t;
	n->offset = UINT64_C(1) << 44;
}

static void spoil_overflow(struct tree *t, struct node *n)
{
	(void)t;
	n->size = 8192;
	n->offset = UINT64_MAX - 4095;
}

static void spoil_blocks(struct tree *t, struct node *n)
{
	(void)t;
	n->size = INT64_MAX;
}

static void spoil_device(struct tree *t, struct node *n)
{
	(void)t;
	n->device = 1;
}

static void spoil_namespace(struct tree *t, struct node *n)
{
	set_xattr(t, n, "system.other", "x");
}

static void spoil_prefix(struct tree *t, struct node *n)
{
	set_xattr(t, n, "user.", "x");
}

static void spoil_xattrs(struct tree *t, struct node *n)
{
	_free_ char *big = calloc(1, 65535);
	struct firn_error err = { 0 };
	char name[16];

	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "user.%d", i);
		ck_ok(tree_set_xattr(t, n, name, big, 65535, &err), err);
	}
}

static void spoil_target(struct tree *t, struct node *n)
{
	(void)t;
	n->mode = S_IFLNK;
}

static void spoil_rdev(struct tree *t, struct node *n)
{
	(void)t;
	n->mode = S_IFCHR;
	n->major = 4096;
}

static void spoil_type(struct tree *t, struct node *n)
{
	(void)t;
	n->mode = 0644;
}

static void spoil_link(struct tree *t, struct node *n)
{
	n->link = t->root;
}

static void spoil_ns(struct tree *t, struct node *n)
{
	(void)t;
	n->mtime_ns = 1000000000;
}

static void spoil_size(struct tree *t, struct node *n)
{
	(void)t;
	n->size = UINT64_MAX;
}

static const struct refusal refusals[] = {
	{ "offset within a block", spoil_offset, -FIRN_EUNSUPP },
	{ "offset behind the last block", spoil_far, -FIRN_EUNSUPP },
	{ "offset and size overflow", spoil_overflow, -FIRN_ECORRUPT },
	{ "more blocks than there are", spoil_blocks, -FIRN_EUNSUPP },
	{ "no such device", spoil_device, -FIRN_EINVAL },
	{ "xattr namespace", spoil_namespace, -FIRN_EUNSUPP },
	{ "xattr without a name", spoil_prefix, -FIRN_EUNSUPP },
	{ "xattrs too large", spoil_xattrs, -FIRN_EUNSUPP },
	{ "link without a target", spoil_target, -FIRN_ECORRUPT },
	{ "device number", spoil_rdev, -FIRN_EUNSUPP },
	{ "no type", spoil_type, -FIRN_EINVAL },
	{ "hard link to a folder", spoil_link, -FIRN_EINVAL },
	{ "nanoseconds", spoil_ns, -FIRN_EINVAL },
	{ "size above 2^63", spoil_size, -FIRN_ELIMIT },
};

START_TEST(refuse)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	_buf_ struct buf head = BUF_INIT, meta = BUF_INIT;
	struct firn_error err = { 0 };
	int rc;

	refusals[_i].spoil(t, make_file(t, "a/bad", 10, 0));
	rc = erofs_plan(t, &forms[0], &e, &err);
	if (rc == 0)
		rc = erofs_emit(e, 0, &head, &meta, &err);
	ck_assert_msg(rc == refusals[_i].rc, "%s: %d %s", refusals[_i].what, rc, err.msg);
	ck_assert_msg(strstr(err.msg, "a/bad"), "%s", err.msg);
}
END_TEST

/* A content must end within the file that it claims to lie in. */
START_TEST(ends_in_device)
{
	_cleanup_(tree_freep) struct tree *t = fresh();
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	_buf_ struct buf head = BUF_INIT, meta = BUF_INIT;
	struct firn_error err = { 0 };
	struct node *n = make_file(t, "f", 513, 1 << 20);

	n->device = 2;
	ck_ok(erofs_plan(t, &forms[5], &e, &err), err);
	ck_assert_int_eq(erofs_emit(e, 0, &head, &meta, &err), -FIRN_ECORRUPT);
	n->size = 512;
	ck_ok(erofs_emit(e, 0, &head, &meta, &err), err);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("erofs");
	TCase *tc = tcase_create("erofs");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, whole_tree, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tc, large_folder, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tc, long_targets, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tc, large_xattrs, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tc, deterministic, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tc, device_table, 4, 6);
	tcase_add_loop_test(tc, refuse, 0, ARRAY_SIZE(refusals));
	tcase_add_test(tc, opaque_once);
	tcase_add_test(tc, link_outlives_target);
	tcase_add_test(tc, large_files);
	tcase_add_test(tc, many_devices);
	tcase_add_test(tc, ends_in_device);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
