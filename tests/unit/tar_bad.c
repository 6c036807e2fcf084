/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Archives that the tar reader must refuse, and with which words. */
#include "format/tar.h"

#include "tar_builder.h"
#include "unit.h"

static void empty(struct buf *b)
{
	buf_reset(b);
}

static void no_tar(struct buf *b)
{
	buf_fill(b, 'x', 4096);
}

static void short_file(struct buf *b)
{
	buf_puts(b, "hello");
}

static void parent(struct buf *b)
{
	MEMBER(b, .name = "a/../../x");
}

static void absolute(struct buf *b)
{
	MEMBER(b, .name = "/etc/passwd");
}

static void parent_in_pax(struct buf *b)
{
	PAX(b, "path", "../x");
	MEMBER(b, .name = "f");
}

static void parent_in_gnu(struct buf *b)
{
	build_extra(b, 'L', "x/..", 4);
	MEMBER(b, .name = "f", .magic = MAGIC_GNU);
}

static void link_outside(struct buf *b)
{
	MEMBER(b, .name = "f", .type = '1', .link = "../../etc/passwd");
}

static void link_absolute(struct buf *b)
{
	MEMBER(b, .name = "f", .type = '1', .link = "/etc/passwd");
}

static void link_nowhere(struct buf *b)
{
	MEMBER(b, .name = "f", .type = '2');
}

static void link_with_payload(struct buf *b)
{
	MEMBER(b, .name = "f", .type = '1', .link = "x", .data = "abc");
}

static void link_too_long(struct buf *b)
{
	PAX(b, "linkpath", long_name);
	MEMBER(b, .name = "f", .type = '2', .link = "x");
}

static void name_5000_pax(struct buf *b)
{
	PAX(b, "path", long_name);
	MEMBER(b, .name = "f");
}

static void name_5000_gnu(struct buf *b)
{
	build_extra(b, 'L', long_name, sizeof(long_name));
	MEMBER(b, .name = "f", .magic = MAGIC_GNU);
}

static void component_256(struct buf *b)
{
	char name[257] = "";

	memset(name, 'c', 256);
	PAX(b, "path", name);
	MEMBER(b, .name = "f");
}

static void depth_2000(struct buf *b)
{
	PAX(b, "path", deep_name);
	MEMBER(b, .name = "f");
}

static void no_name(struct buf *b)
{
	MEMBER(b, .name = "");
}

static void root_is_file(struct buf *b)
{
	MEMBER(b, .name = "./");
}

static void root_is_link(struct buf *b)
{
	MEMBER(b, .name = ".", .type = '2', .link = "/etc");
}

static void file_with_slash(struct buf *b)
{
	MEMBER(b, .name = "f/", .data = "abc");
}

static void size_2_63(struct buf *b)
{
	struct tar_member m = { .name = "f" };
	uint8_t *h = build_header(b, &m);

	memcpy(h + 124, "\x80\0\0\0\x80\0\0\0\0\0\0\0", 12);
	build_checksum(h);
}

static void size_2_62(struct buf *b)
{
	MEMBER(b, .name = "f", .size = 1ll << 62);
}

static void size_negative(struct buf *b)
{
	MEMBER(b, .name = "f", .size = -1);
}

static void size_pax_2_63(struct buf *b)
{
	PAX(b, "size", "9223372036854775808");
	MEMBER(b, .name = "f");
}

static void size_pax_overflow(struct buf *b)
{
	PAX(b, "size", "18446744073709551617");
	MEMBER(b, .name = "f");
}

static void size_pax_negative(struct buf *b)
{
	PAX(b, "size", "-1");
	MEMBER(b, .name = "f");
}

static void size_too_large(struct buf *b)
{
	MEMBER(b, .name = "f", .size = 10000);
}

static void bad_octal(struct buf *b)
{
	struct tar_member m = { .name = "f" };
	uint8_t *h = build_header(b, &m);

	memcpy(h + 124, "0000000009x", 11);
	build_checksum(h);
}

static void bad_checksum(struct buf *b)
{
	MEMBER(b, .name = "good");
	MEMBER(b, .name = "f");
	b->data[b->len - 512] ^= 1;
}

static void negative_uid(struct buf *b)
{
	MEMBER(b, .name = "f", .uid = -1);
}

static void large_uid(struct buf *b)
{
	MEMBER(b, .name = "f", .uid = 1ll << 32);
}

static void large_uid_pax(struct buf *b)
{
	PAX(b, "uid", "4294967296");
	MEMBER(b, .name = "f");
}

static void large_major(struct buf *b)
{
	MEMBER(b, .name = "f", .type = '3', .major = 0x1000);
}

static void large_minor(struct buf *b)
{
	MEMBER(b, .name = "f", .type = '4', .minor = 0x100000);
}

static void sparse_gnu(struct buf *b)
{
	MEMBER(b, .name = "f", .type = 'S', .data = "abc", .magic = MAGIC_GNU);
}

static void sparse_pax(struct buf *b)
{
	PAX(b, "GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.realsize", "99");
	MEMBER(b, .name = "f", .data = "abc");
}

static void multi_volume(struct buf *b)
{
	MEMBER(b, .name = "f", .type = 'M', .data = "abc", .magic = MAGIC_GNU);
}

static void volume_label(struct buf *b)
{
	MEMBER(b, .name = "label", .type = 'V', .magic = MAGIC_GNU);
}

static void unknown_type(struct buf *b)
{
	MEMBER(b, .name = "f", .type = 's');
}

static void pax_twice(struct buf *b)
{
	PAX(b, "path", "a");
	PAX(b, "path", "b");
	MEMBER(b, .name = "f");
}

static void long_twice(struct buf *b)
{
	build_extra(b, 'L', "a", 1);
	build_extra(b, 'L', "b", 1);
	MEMBER(b, .name = "f", .magic = MAGIC_GNU);
}

static void pax_alone(struct buf *b)
{
	PAX(b, "path", "a");
}

static void pax_huge(struct buf *b)
{
	MEMBER(b, .name = "x", .type = 'x', .size = (1 << 20) + 1);
	buf_fill(b, 0, 4 << 20);
}

static void global_huge(struct buf *b)
{
	MEMBER(b, .name = "g", .type = 'g', .size = 1ll << 40);
}

static void nul_in_path(struct buf *b)
{
	_buf_ struct buf records = BUF_INIT;

	build_record(&records, "path", "a\0b", 3);
	build_extra(b, 'x', records.data, records.len);
	MEMBER(b, .name = "f");
}

static void zero_in_the_middle(struct buf *b)
{
	buf_fill(b, 0, 512);
	MEMBER(b, .name = "f");
}

static void xattr_name_empty(struct buf *b)
{
	PAX(b, "SCHILY.xattr.", "x");
	MEMBER(b, .name = "f");
}

static void xattrs_65(struct buf *b)
{
	_buf_ struct buf records = BUF_INIT;

	for (int i = 0; i < 65; i++) {
		char key[40];

		snprintf(key, sizeof(key), "SCHILY.xattr.user.%d", i);
		build_record(&records, key, "v", 1);
	}
	build_extra(b, 'x', records.data, records.len);
	MEMBER(b, .name = "f");
}

static void xattr_65536(struct buf *b)
{
	_buf_ struct buf records = BUF_INIT, value = BUF_INIT;

	buf_fill(&value, 'v', 65536);
	build_record(&records, "SCHILY.xattr.user.v", value.data, value.len);
	build_extra(b, 'x', records.data, records.len);
	MEMBER(b, .name = "f");
}

static const struct {
	const char *name;
	void (*make)(struct buf *b);
	int rc;
	const char *words;
} bad[] = {
	{ "empty", empty, -FIRN_ECORRUPT, "is empty: no tar archive" },
	{ "no tar", no_tar, -FIRN_ECORRUPT, "is no tar archive: wrong checksum" },
	{ "short", short_file, -FIRN_ECORRUPT, "is no tar archive" },
	{ "..", parent, -FIRN_ECORRUPT, "entry \"a/../../x\": leaves the rootfs" },
	{ "absolute", absolute, -FIRN_ECORRUPT, "entry \"/etc/passwd\": is absolute" },
	{ ".. in pax", parent_in_pax, -FIRN_ECORRUPT, "leaves the rootfs" },
	{ ".. in GNU", parent_in_gnu, -FIRN_ECORRUPT, "leaves the rootfs" },
	{ "link outside", link_outside, -FIRN_ECORRUPT, "leaves the rootfs" },
	{ "link absolute", link_absolute, -FIRN_ECORRUPT, "is absolute" },
	{ "link to nothing", link_nowhere, -FIRN_ECORRUPT, "is a link to nothing" },
	{ "link with payload", link_with_payload, -FIRN_EUNSUPP, "payload" },
	{ "link of 5000", link_too_long, -FIRN_ELIMIT, "longer than 4095" },
	{ "name of 5000, pax", name_5000_pax, -FIRN_ELIMIT, "longer than 4095" },
	{ "name of 5000, GNU", name_5000_gnu, -FIRN_ELIMIT, "longer than 4095" },
	{ "component of 256", component_256, -FIRN_ELIMIT, "255" },
	{ "2000 deep", depth_2000, -FIRN_ELIMIT, "deeper than 1024" },
	{ "no name", no_name, -FIRN_ECORRUPT, "without a name" },
	{ "root is a file", root_is_file, -FIRN_ECORRUPT, "" },
	{ "root is a link", root_is_link, -FIRN_ECORRUPT, "the root is no folder" },
	{ "file/", file_with_slash, -FIRN_ECORRUPT, "folder's name" },
	{ "size 2^63", size_2_63, -FIRN_ECORRUPT, "bad size" },
	{ "size 2^62", size_2_62, -FIRN_ELIMIT, "larger than any file" },
	{ "size -1", size_negative, -FIRN_ECORRUPT, "bad size" },
	{ "pax size 2^63", size_pax_2_63, -FIRN_ELIMIT, "size is too large" },
	{ "pax size 2^64+1", size_pax_overflow, -FIRN_ECORRUPT, "bad size" },
	{ "pax size -1", size_pax_negative, -FIRN_ECORRUPT, "bad size" },
	{ "size", size_too_large, -FIRN_ECORRUPT, "" },
	{ "bad octal", bad_octal, -FIRN_ECORRUPT, "bad size" },
	{ "bad checksum", bad_checksum, -FIRN_ECORRUPT, "header at offset 512: wrong checksum" },
	{ "uid -1", negative_uid, -FIRN_ECORRUPT, "negative" },
	{ "uid 2^32", large_uid, -FIRN_ELIMIT, "too large" },
	{ "uid 2^32 in pax", large_uid_pax, -FIRN_ELIMIT, "uid is too large" },
	{ "major", large_major, -FIRN_ELIMIT, "too large" },
	{ "minor", large_minor, -FIRN_ELIMIT, "too large" },
	{ "sparse, GNU", sparse_gnu, -FIRN_EUNSUPP, "sparse" },
	{ "sparse, pax", sparse_pax, -FIRN_EUNSUPP, "sparse" },
	{ "multi-volume", multi_volume, -FIRN_EUNSUPP, "multi-volume" },
	{ "label", volume_label, -FIRN_EUNSUPP, "unknown type 0x56" },
	{ "unknown type", unknown_type, -FIRN_EUNSUPP, "unknown type 0x73" },
	{ "two pax", pax_twice, -FIRN_ECORRUPT, "second extended header" },
	{ "two long names", long_twice, -FIRN_ECORRUPT, "second long name" },
	{ "pax alone", pax_alone, -FIRN_ECORRUPT, "without its entry" },
	{ "huge pax", pax_huge, -FIRN_ELIMIT, "more than 1048576 bytes" },
	{ "huge global", global_huge, -FIRN_ELIMIT, "more than 1048576 bytes" },
	{ "NUL in path", nul_in_path, -FIRN_ECORRUPT, "bad path" },
	{ "zeros inside", zero_in_the_middle, -FIRN_ECORRUPT, "half an end-of-archive marker" },
	{ "xattr without a name", xattr_name_empty, -FIRN_ELIMIT, "xattr" },
	{ "65 xattrs", xattrs_65, -FIRN_ELIMIT, "xattrs" },
	{ "xattr of 64 KiB", xattr_65536, -FIRN_ELIMIT, "xattr" },
};

START_TEST(bad_entry)
{
	_buf_ struct buf b = BUF_INIT;

	make_names();
	buf_puts(&b, "");
	bad[_i].make(&b);
	if (bad[_i].make != empty && bad[_i].make != short_file)
		build_end(&b);
	for (int stream = 0; stream < 2; stream++) {
		struct firn_error err = { 0 };
		int count, rc = read_all(&b, stream, NULL, NULL, &count, &err);

		ck_assert_msg(rc == bad[_i].rc, "%s: %d %s", bad[_i].name, rc, err.msg);
		ck_assert_msg(strstr(err.msg, bad[_i].words), "%s: %s", bad[_i].name, err.msg);
	}
}
END_TEST

/* Extended headers that are none; the entry behind them is fine. */
static const struct {
	const char *records;
	size_t n;
} broken_pax[] = {
	{ "x", 1 },
	{ "5 a=b", 5 },
	{ "6 a=b", 5 },
	{ "7 a=b\n", 6 },
	{ "5 a=b\n", 6 },
	{ "6 a=b\n6 a", 9 },
	{ "6 abc\n", 6 },
	{ "5 =b\n", 5 },
	{ " 6 a=b\n", 7 },
	{ "-6 a=b\n", 7 },
	{ "6\ta=b\n", 6 },
	{ "2 \n", 3 },
	{ "0 \n", 3 },
	{ "99999999999999999999999 a=b\n", 28 },
	{ "18446744073709551615 a=b\n", 25 },
	{ "7 a\0=b\n", 7 },
	{ "6 a=b\n\0\0\0", 9 },
	{ "11 mtime=x\n", 11 },
	{ "12 mtime=1x\n", 12 },
	{ "14 mtime=1.5x\n", 14 },
	{ "12 mtime=--\n", 12 },
	{ "11 mtime=-\n", 11 },
	{ "11 mtime=.\n", 11 },
	{ "29 mtime=9223372036854775808\n", 29 },
	{ "8 uid=x\n", 8 },
	{ "9 uid=-1\n", 9 },
};

START_TEST(bad_pax)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	int count, rc;

	build_extra(&b, 'x', broken_pax[_i].records, broken_pax[_i].n);
	MEMBER(&b, .name = "f");
	build_end(&b);
	rc = read_all(&b, false, NULL, NULL, &count, &err);
	ck_assert_msg(rc == -FIRN_ECORRUPT, "%d: %s", rc, err.msg);
	ck_assert_msg(strstr(err.msg, "extended header"), "%s", err.msg);
}
END_TEST

/* By offset, a payload that isn't all there is known before anybody reads it. */
START_TEST(payload_beyond)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	int count;

	MEMBER(&b, .name = "before");
	MEMBER(&b, .name = "f", .size = 1025);
	build_end(&b);
	ck_assert_int_eq(read_all(&b, false, NULL, NULL, &count, &err), -FIRN_ECORRUPT);
	ck_assert_str_eq(err.msg, "entry \"f\": is larger than what is left of the archive");
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(read_all(&b, true, NULL, NULL, &count, &err), -FIRN_ECORRUPT);
	ck_assert_str_eq(err.msg, "entry \"f\": ends early");
	ck_assert_int_eq(count, 2);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tar_bad");
	TCase *tc = tcase_create("tar_bad");

	tcase_add_loop_test(tc, bad_entry, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(tc, bad_pax, 0, ARRAY_SIZE(broken_pax));
	tcase_add_test(tc, payload_beyond);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
