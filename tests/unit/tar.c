/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tar reader makes of single entries, in every dialect. */
#include "format/tar.h"

#include "tar_builder.h"
#include "unit.h"

#include <locale.h>

/* Archives with one entry, and what the entry must be. */
static void plain(struct buf *b)
{
	MEMBER(b, .name = "dir/file", .data = "hello", .mode = 0104755, .uid = 1000, .gid = 100,
	       .mtime = 1700000000);
}

static void dot_slash(struct buf *b)
{
	MEMBER(b, .name = "./a//./b/", .type = '5', .mode = 0755);
}

static void root(struct buf *b)
{
	MEMBER(b, .name = "./", .type = '5', .mode = 0755);
}

static void v7_file(struct buf *b)
{
	MEMBER(b, .name = "old", .data = "x", .old_type = true, .magic = MAGIC_V7,
	       .prefix = "not a prefix");
}

static void v7_folder(struct buf *b)
{
	MEMBER(b, .name = "old/", .old_type = true, .magic = MAGIC_V7);
}

static void ustar_prefix(struct buf *b)
{
	MEMBER(b, .name = NAME(100), .prefix = NAME(256));
}

static void gnu_no_prefix(struct buf *b)
{
	MEMBER(b, .name = "name", .magic = MAGIC_GNU, .prefix = "00001234567");
}

static void star_prefix(struct buf *b)
{
	struct tar_member m = { .name = "name" };
	uint8_t *h = build_header(b, &m);

	memcpy(h + 345, NAME(131), 131); /* full: no NUL between it and the times */
	memcpy(h + 345 + 131, "14524770000 14524770000 ", 24);
	memcpy(h + 508, "tar", 4);
	build_checksum(h);
}

static char star_name[131 + sizeof("/name")];

static void gnu_long_name(struct buf *b)
{
	build_extra(b, 'L', NAME(300), 301); /* GNU counts the NUL */
	MEMBER(b, .name = "short", .magic = MAGIC_GNU);
}

static void gnu_long_both(struct buf *b)
{
	build_extra(b, 'K', NAME(301), 302);
	build_extra(b, 'L', NAME(300), 300);
	MEMBER(b, .name = "short", .type = '2', .link = "l", .magic = MAGIC_GNU);
}

static void pax_long_name(struct buf *b)
{
	PAX(b, "path", NAME(300), "linkpath", NAME(301));
	MEMBER(b, .name = "short", .type = '2', .link = "short");
}

static void pax_wins(struct buf *b)
{
	build_extra(b, 'L', NAME(300), 301);
	PAX(b, "path", "from-pax");
	MEMBER(b, .name = "short");
}

static void pax_numbers(struct buf *b)
{
	PAX(b, "uid", "4294967295", "gid", "3000000000", "mtime", "1234567890.123456789", "size",
	    "3", "atime", "77.5", "ctime", "78", "comment", "=\n \1", "unknown.key", "ignored");
	MEMBER(b, .name = "f", .size = 1, .uid = 5, .gid = 6, .mtime = 7);
	build_data(b, "abc", 3);
}

static void pax_empty_is_none(struct buf *b)
{
	PAX(b, "path", "x", "uid", "7", "gid", "7", "mtime", "7", "size", "7", "path", "", "uid",
	    "", "gid", "", "mtime", "", "size", "");
	MEMBER(b, .name = "f", .data = "abc", .uid = 5, .gid = 6, .mtime = 8);
}

static void global_header(struct buf *b)
{
	build_extra(b, 'g', "12 path=oo\n", 11); /* not even looked at */
	MEMBER(b, .name = "f");
}

static void base256(struct buf *b)
{
	MEMBER(b, .name = "f", .uid = 3000000000, .gid = 2097152, .mtime = -86400);
}

static void spaces_and_blanks(struct buf *b)
{
	struct tar_member m = { .name = "f" };
	uint8_t *h = build_header(b, &m);

	memset(h + 108, ' ', 8);
	memset(h + 116, 0, 8);
	memcpy(h + 100, "   644 ", 8);
	memcpy(h + 136, "000000000012", 12); /* no end but the field's */
	build_checksum(h);
}

static void signed_checksum(struct buf *b)
{
	struct tar_member m = { .name = "caf\xe9" };
	uint8_t *h = build_header(b, &m);
	int sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (int8_t)h[i];
	snprintf((char *)h + 148, 8, "%06o", (unsigned)sum);
}

static void device(struct buf *b)
{
	MEMBER(b, .name = "dev/null", .type = '3', .major = 1, .minor = 3, .mode = 0666);
}

static void block_device(struct buf *b)
{
	MEMBER(b, .name = "b", .type = '4', .major = 0xfff, .minor = 0xfffff);
}

static void fifo(struct buf *b)
{
	MEMBER(b, .name = "p", .type = '6');
}

static void contiguous(struct buf *b)
{
	MEMBER(b, .name = "c", .type = '7', .data = "abc");
}

static void hard_link(struct buf *b)
{
	MEMBER(b, .name = "h", .type = '1', .link = "./x//y");
}

static void symlink_verbatim(struct buf *b)
{
	MEMBER(b, .name = "s", .type = '2', .link = "/../..//etc/./passwd/");
}

static void folder_with_size(struct buf *b)
{
	MEMBER(b, .name = "d", .type = '5', .size = 4096);
}

static void utf8_names(struct buf *b)
{
	/* e and a combining accent: must stay two characters, whatever the locale */
	PAX(b, "path", "cafe\xcc\x81", "linkpath", "\xe2\x84\xaa");
	MEMBER(b, .name = "x", .type = '2', .link = "y");
}

static void latin1_in_pax(struct buf *b)
{
	PAX(b, "hdrcharset", "BINARY", "path", "caf\xe9");
	MEMBER(b, .name = "x");
}

static void latin1_in_ustar(struct buf *b)
{
	MEMBER(b, .name = "caf\xe9");
}

static void before_1970(struct buf *b)
{
	PAX(b, "mtime", "-1.25");
	MEMBER(b, .name = "f");
}

static void just_before_1970(struct buf *b)
{
	PAX(b, "mtime", "-0.0000000019");
	MEMBER(b, .name = "f");
}

static void whole_negative(struct buf *b)
{
	PAX(b, "mtime", "-5.000");
	MEMBER(b, .name = "f");
}

static void lone_zero_block(struct buf *b)
{
	MEMBER(b, .name = "f");
	buf_fill(b, 0, 512);
}

static void bytes_behind(struct buf *b)
{
	MEMBER(b, .name = "f");
	build_end(b);
	buf_fill(b, 0xff, 5000);
}

static const struct {
	const char *name;
	void (*make)(struct buf *b);
	const char *path, *target;
	struct tar_entry want; /* the rest of it */
} good[] = {
	{ "plain",
	  plain,
	  "dir/file",
	  NULL,
	  { .mode = S_IFREG | 04755,
	    .uid = 1000,
	    .gid = 100,
	    .size = 5,
	    .offset = 512,
	    .mtime = 1700000000 } },
	{ "./", dot_slash, "a/b", NULL, { .mode = S_IFDIR | 0755 } },
	{ "root", root, "", NULL, { .mode = S_IFDIR | 0755 } },
	{ "v7 file", v7_file, "old", NULL, { .mode = S_IFREG | 0644, .size = 1, .offset = 512 } },
	{ "v7 folder", v7_folder, "old", NULL, { .mode = S_IFDIR | 0644 } },
	{ "ustar prefix", ustar_prefix, NAME(256), NULL, { .mode = S_IFREG | 0644 } },
	{ "GNU has no prefix", gnu_no_prefix, "name", NULL, { .mode = S_IFREG | 0644 } },
	{ "star prefix", star_prefix, star_name, NULL, { .mode = S_IFREG | 0644 } },
	{ "GNU long name", gnu_long_name, NAME(300), NULL, { .mode = S_IFREG | 0644 } },
	{ "GNU long both", gnu_long_both, NAME(300), NAME(301), { .mode = S_IFLNK | 0644 } },
	{ "pax long both", pax_long_name, NAME(300), NAME(301), { .mode = S_IFLNK | 0644 } },
	{ "pax wins", pax_wins, "from-pax", NULL, { .mode = S_IFREG | 0644 } },
	{ "pax numbers",
	  pax_numbers,
	  "f",
	  NULL,
	  { .mode = S_IFREG | 0644,
	    .uid = 4294967295,
	    .gid = 3000000000,
	    .size = 3,
	    .offset = 1536,
	    .mtime = 1234567890,
	    .mtime_ns = 123456789 } },
	{ "pax empty",
	  pax_empty_is_none,
	  "f",
	  NULL,
	  { .mode = S_IFREG | 0644, .uid = 5, .gid = 6, .size = 3, .offset = 1536, .mtime = 8 } },
	{ "global header", global_header, "f", NULL, { .mode = S_IFREG | 0644 } },
	{ "base-256",
	  base256,
	  "f",
	  NULL,
	  { .mode = S_IFREG | 0644, .uid = 3000000000, .gid = 2097152, .mtime = -86400 } },
	{ "blanks", spaces_and_blanks, "f", NULL, { .mode = S_IFREG | 0644, .mtime = 10 } },
	{ "signed checksum", signed_checksum, "caf\xe9", NULL, { .mode = S_IFREG | 0644 } },
	{ "device", device, "dev/null", NULL, { .mode = S_IFCHR | 0666, .major = 1, .minor = 3 } },
	{ "block device",
	  block_device,
	  "b",
	  NULL,
	  { .mode = S_IFBLK | 0644, .major = 0xfff, .minor = 0xfffff } },
	{ "fifo", fifo, "p", NULL, { .mode = S_IFIFO | 0644 } },
	{ "contiguous",
	  contiguous,
	  "c",
	  NULL,
	  { .mode = S_IFREG | 0644, .size = 3, .offset = 512 } },
	{ "hard link", hard_link, "h", "x/y", { .mode = S_IFREG | 0644, .hardlink = true } },
	{ "symlink", symlink_verbatim, "s", "/../..//etc/./passwd/", { .mode = S_IFLNK | 0644 } },
	{ "folder with a size", folder_with_size, "d", NULL, { .mode = S_IFDIR | 0644 } },
	{ "UTF-8 in pax", utf8_names, "cafe\xcc\x81", "\xe2\x84\xaa", { .mode = S_IFLNK | 0644 } },
	{ "Latin-1 in pax", latin1_in_pax, "caf\xe9", NULL, { .mode = S_IFREG | 0644 } },
	{ "Latin-1 in ustar", latin1_in_ustar, "caf\xe9", NULL, { .mode = S_IFREG | 0644 } },
	{ "-1.25 s",
	  before_1970,
	  "f",
	  NULL,
	  { .mode = S_IFREG | 0644, .mtime = -2, .mtime_ns = 750000000 } },
	{ "-1.9 ns",
	  just_before_1970,
	  "f",
	  NULL,
	  { .mode = S_IFREG | 0644, .mtime = -1, .mtime_ns = 999999999 } },
	{ "-5.000 s", whole_negative, "f", NULL, { .mode = S_IFREG | 0644, .mtime = -5 } },
	{ "half a marker", lone_zero_block, "f", NULL, { .mode = S_IFREG | 0644 } },
	{ "bytes behind", bytes_behind, "f", NULL, { .mode = S_IFREG | 0644 } },
};

static void check_entry(const struct tar_entry *got, int row)
{
	const char *target = good[row].target;
	const struct tar_entry *want = &good[row].want;

	ck_assert_str_eq(got->path, good[row].path);
	ck_assert_int_eq(got->target != NULL, target != NULL);
	if (target)
		ck_assert_str_eq(got->target, target);
	ck_assert_uint_eq(got->mode, want->mode);
	ck_assert_int_eq(got->hardlink, want->hardlink);
	ck_assert_uint_eq(got->uid, want->uid);
	ck_assert_uint_eq(got->gid, want->gid);
	ck_assert_uint_eq(got->major, want->major);
	ck_assert_uint_eq(got->minor, want->minor);
	ck_assert_uint_eq(got->size, want->size);
	ck_assert_uint_eq(got->offset, want->offset);
	ck_assert_int_eq(got->mtime, want->mtime);
	ck_assert_uint_eq(got->mtime_ns, want->mtime_ns);
}

static const char *const locales[] = { "C", "C.UTF-8" };

START_TEST(good_entry)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };

	make_names();
	snprintf(star_name, sizeof(star_name), "%.131s/name", NAME(131));
	good[_i].make(&b);
	if (good[_i].make != lone_zero_block)
		build_end(&b);
	for (size_t l = 0; l < ARRAY_SIZE(locales); l++) {
		ck_assert_ptr_nonnull(setlocale(LC_ALL, locales[l]));
		for (int stream = 0; stream < 2; stream++) {
			struct tar_entry last = { 0 };
			int count, rc = read_all(&b, stream, NULL, &last, &count, &err);

			ck_assert_msg(rc == 0, "%s: %s", good[_i].name, err.msg);
			ck_assert_int_eq(count, 1);
			check_entry(&last, _i);
			free(last.path);
			free(last.target);
		}
	}
}
END_TEST

static const struct {
	const char *name, *value;
	size_t n;
} xattrs[] = {
	{ "security.capability", "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20 },
	{ "user.a=b", "c", 1 }, /* reads as user.a with the value b=c, as everywhere */
	{ "user.empty", "", 0 },
	{ "user.newline", "6 a=b\n6 a=b\n", 12 },
};

START_TEST(xattrs_kept)
{
	_buf_ struct buf b = BUF_INIT, records = BUF_INIT;
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct tar *t = NULL;
	const struct tar_entry *e;
	const struct xattr *x;

	for (size_t i = 0; i < ARRAY_SIZE(xattrs); i++) {
		char key[64];

		snprintf(key, sizeof(key), "SCHILY.xattr.%s", xattrs[i].name);
		build_record(&records, key, xattrs[i].value, xattrs[i].n);
	}
	build_record(&records, "LIBARCHIVE.xattr.user.empty", "YWJj", 4);
	build_record(&records, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	build_record(&records, "SCHILY.xattr.user.overlay.redirect", "/etc", 4);
	build_record(&records, "SCHILY.acl.access", "user::rwx", 9);
	build_extra(&b, 'x', records.data, records.len);
	MEMBER(&b, .name = "f");
	MEMBER(&b, .name = "g");
	build_end(&b);
	ck_ok(source_from_mem(b.data, b.len, &src, &err), err);
	ck_ok(tar_open_source(src, NULL, &t, &err), err);
	ck_assert_int_eq(tar_next(t, &e, &err), 1);
	x = e->xattrs;
	ck_assert_str_eq(x->name, "security.capability");
	ck_assert_uint_eq(x->len, 20);
	ck_assert_mem_eq(x->value, xattrs[0].value, 20);
	x = x->next;
	ck_assert_str_eq(x->name, "user.a");
	ck_assert_mem_eq(x->value, "b=c", 3);
	x = x->next;
	ck_assert_str_eq(x->name, "user.empty");
	ck_assert_uint_eq(x->len, 0);
	x = x->next;
	ck_assert_str_eq(x->name, "user.newline");
	ck_assert_mem_eq(x->value, xattrs[3].value, 12);
	ck_assert_ptr_null(x->next);
	ck_assert_int_eq(tar_next(t, &e, &err), 1);
	ck_assert_ptr_null(e->xattrs);
	tar_close(t);
	source_close(src);
}
END_TEST

START_TEST(entry_limit)
{
	const struct tar_limits two = { .entries = 2 }, three = { .entries = 3 };
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	int count;

	MEMBER(&b, .name = "a");
	PAX(&b, "path", "bb");
	MEMBER(&b, .name = "b");
	MEMBER(&b, .name = "c");
	build_end(&b);
	ck_ok(read_all(&b, false, &three, NULL, &count, &err), err);
	ck_assert_int_eq(read_all(&b, false, &two, NULL, &count, &err), -FIRN_ELIMIT);
	ck_assert_int_eq(count, 2);
	ck_assert_str_eq(err.msg, "more than 2 entries");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tar");
	TCase *tc = tcase_create("tar");

	tcase_add_loop_test(tc, good_entry, 0, ARRAY_SIZE(good));
	tcase_add_test(tc, xattrs_kept);
	tcase_add_test(tc, entry_limit);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
