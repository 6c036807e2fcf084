/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The members of a checkpoint by name, in every form that one has. */
#include "unit.h"

#include "members/members.h"
#include "oci_forms.h"

static const char zeros[1024]; /* an empty tar */

static const struct tar_member plain[] = {
	{ .name = "./", .type = '5', .mode = 0755 },
	{ .name = "config.dump", .data = "{}", .mtime = 7 },
	{ .name = "spec.dump", .data = "{\"a\":1}" },
	{ .name = "rootfs-diff.tar", .data = zeros, .data_len = sizeof(zeros) },
	{ .name = "checkpoint/", .type = '5', .mode = 0755 },
	{ .name = "checkpoint/inventory.img", .data = "inventory" },
	{ .name = "checkpoint/core-1.img", .data = "core" },
	{ .name = "checkpoint/pages-1.img", .data = "0123456789" },
	{ .name = "checkpoint/parent", .type = '2', .link = "../pre-checkpoint" },
	{ .name = "checkpoint/hard", .type = '1', .link = "checkpoint/core-1.img" },
	{ .name = NULL },
};

/* What a line for each member is: kind, size, name, target. */
static char *text_of(const struct members *m)
{
	_buf_ struct buf out = BUF_INIT;

	buf_puts(&out, "");
	for (size_t i = 0; i < members_count(m); i++) {
		const struct member f = members_at(m, i);

		buf_printf(&out, "%c %llu %s%s%s\n", "fdlo"[f.kind], (unsigned long long)f.size,
			   f.path, f.target ? " -> " : "", f.target ? f.target : "");
	}
	return buf_steal(&out);
}

static void compress(enum codec c, const struct buf *from, struct buf *to)
{
	_cleanup_(sink_closep) struct sink *out = NULL, *packed = NULL;
	struct firn_error err = { 0 };

	ck_ok(sink_from_buf(to, &out, &err), err);
	ck_ok(codec_writer(c, out, &packed, &err), err);
	ck_ok(sink_write(packed, from->data, from->len, &err), err);
	ck_ok(sink_finish(packed, &err), err);
}

/* An archive of @list as the file "a". */
static const char *write_archive(const struct tar_member *list, enum codec c)
{
	_buf_ struct buf tar = BUF_INIT, packed = BUF_INIT;

	build_members(&tar, list);
	compress(c, &tar, &packed);
	scratch_write("a", packed.data, packed.len);
	return scratch("a");
}

static const enum codec codecs[] = { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };

START_TEST(archive)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error err = { 0 };
	_free_ char *list = NULL;

	ck_ok(members_open(write_archive(plain, codecs[_i]), NULL, &m, &err), err);
	list = text_of(m);
	ck_assert_str_eq(list, "d 0 checkpoint\n"
			       "f 4 checkpoint/core-1.img\n"
			       "o 0 checkpoint/hard\n"
			       "f 9 checkpoint/inventory.img\n"
			       "f 10 checkpoint/pages-1.img\n"
			       "l 0 checkpoint/parent -> ../pre-checkpoint\n"
			       "f 2 config.dump\n"
			       "f 1024 rootfs-diff.tar\n"
			       "f 7 spec.dump\n");
	ck_assert_int_eq(members_form(m), MEMBERS_ARCHIVE);
	ck_assert_int_eq(members_packed(m), _i > 0);
	ck_assert_ptr_null(members_image(m));
	ck_assert_ptr_null(members_store(m));
}
END_TEST

/* Documents and small images are always there; memory of a compressed archive costs a pass. */
START_TEST(contents)
{
	_cleanup_(members_closep) struct members *m = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	uint8_t a[3] = "", b[8] = "", beyond[4] = "", none[1] = "";
	struct members_piece pieces[] = {
		{ .path = "checkpoint/pages-1.img", .at = 6, .len = 3, .to = a },
		{ .path = "checkpoint/pages-1.img", .at = 1, .len = 8, .to = b },
		{ .path = "checkpoint/pages-1.img", .at = 8, .len = 4, .to = beyond },
		{ .path = "checkpoint/pages-2.img", .at = 0, .len = 1, .to = none },
	};
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	size_t len = 0, there = 0;
	int rc;

	ck_ok(members_open(write_archive(plain, codecs[_i]), NULL, &m, &err), err);
	ck_assert_int_eq(members_read(m, "spec.dump", 100, &text, &len, &err), 1);
	ck_assert_str_eq(text, "{\"a\":1}");
	ck_assert_int_eq(members_read(m, "spec.dump", 6, &text, &len, &err), -FIRN_ELIMIT);
	ck_assert_int_eq(members_read(m, "none", 6, &text, &len, &err), 0);
	ck_assert_int_eq(members_source(m, "checkpoint/hard", &src, &err), -FIRN_ECORRUPT);
	rc = members_source(m, "checkpoint/pages-1.img", &src, &err);
	ck_assert_int_eq(rc, _i ? -FIRN_EUNSUPP : 1);
	ck_ok(members_fetch(m, pieces, ARRAY_SIZE(pieces), &err), err);
	ck_assert(memcmp(a, "678", 3) == 0 && memcmp(b, "12345678", 8) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		there += pieces[i].there;
	ck_assert_uint_eq(there, 2);
}
END_TEST

/* What members_pass() gave, and how it is to go on. */
struct passed {
	struct buf text;
	size_t most; /* bytes read of each */
	int rc;
};

static bool wants(const char *path, void *ctx)
{
	(void)ctx;
	return strcmp(path, "spec.dump") == 0 || strstr(path, "pages-") ||
	       strcmp(path, "checkpoint/hard") == 0;
}

static int takes(const char *path, uint64_t size, struct istream *in, void *ctx,
		 struct firn_error *err)
{
	struct passed *p = ctx;
	char bytes[32] = "";
	const ssize_t got = istream_read_full(in, bytes, p->most, err);

	ck_assert_int_ge(got, 0);
	buf_printf(&p->text, "%s %llu %s;", path, (unsigned long long)size, bytes);
	return p->rc < 0 ? firn_fail(err, FIRN_EBUSY, "enough") : 0;
}

/* Whole files as streams, whether they can be read anywhere or pass once. */
START_TEST(pass)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct passed all = { .most = 20 }, some = { .most = 3 }, none = { .rc = -FIRN_EBUSY };
	struct firn_error err = { 0 };

	ck_ok(members_open(write_archive(plain, codecs[_i]), NULL, &m, &err), err);
	ck_ok(members_pass(m, wants, takes, &all, &err), err);
	ck_assert_str_eq((char *)all.text.data,
			 _i ? "spec.dump 7 {\"a\":1};checkpoint/pages-1.img 10 0123456789;"
			    : "checkpoint/pages-1.img 10 0123456789;spec.dump 7 {\"a\":1};");
	ck_ok(members_pass(m, wants, takes, &some, &err), err);
	ck_assert_ptr_nonnull(strstr((char *)some.text.data, "checkpoint/pages-1.img 10 012;"));
	ck_assert_int_eq(members_pass(m, wants, takes, &none, &err), -FIRN_EBUSY);
	ck_assert_str_eq(err.msg,
			 _i ? "\"spec.dump\": enough" : "\"checkpoint/pages-1.img\": enough");
	buf_done(&all.text);
	buf_done(&some.text);
	buf_done(&none.text);
}
END_TEST

/* Of what is compressed no more is read than up to both documents. */
START_TEST(documents)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error err = { 0 };
	_free_ char *list = NULL;

	ck_ok(members_open_documents(write_archive(plain, codecs[_i]), &m, &err), err);
	list = text_of(m);
	ck_assert_int_eq(strstr(list, "inventory") != NULL, _i == 0);
	ck_assert_ptr_nonnull(strstr(list, "f 2 config.dump\n"));
	ck_assert_ptr_nonnull(strstr(list, "f 7 spec.dump\n"));
}
END_TEST

static const struct {
	const char *what, *says;
	struct tar_member list[4];
	int rc;
} bad[] = {
	{ "no inventory",
	  "no checkpoint/inventory.img",
	  { { .name = "spec.dump" } },
	  -FIRN_EINVAL },
	{ "a member twice",
	  "comes twice",
	  { { .name = "checkpoint/inventory.img" }, { .name = "checkpoint/inventory.img" } },
	  -FIRN_ECORRUPT },
	{ "a folder and a file of one name",
	  "comes twice",
	  { { .name = "checkpoint/inventory.img" },
	    { .name = "x/", .type = '5' },
	    { .name = "x" } },
	  -FIRN_ECORRUPT },
	{ "a folder twice is fine",
	  "",
	  { { .name = "checkpoint/inventory.img" },
	    { .name = "x/", .type = '5' },
	    { .name = "x/", .type = '5' } },
	  0 },
	{ "a way out", "leave", { { .name = "../x" } }, -FIRN_ECORRUPT },
};

START_TEST(broken)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error err = { 0 };
	int rc = members_open(write_archive(bad[_i].list, CODEC_NONE), NULL, &m, &err);

	ck_assert_msg(rc == bad[_i].rc && strstr(err.msg, bad[_i].says), "%s: %d %s", bad[_i].what,
		      rc, err.msg);
}
END_TEST

static void write_text(const char *name, const char *text)
{
	scratch_write(name, text, strlen(text));
}

/* An engine's own folder: config.json is spec.dump, what no archive has isn't there, nor a link. */
START_TEST(folder)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error err = { 0 };
	_free_ char *list = NULL, *text = NULL;
	size_t len = 0;

	close(scratch_folder("f"));
	mkdir(scratch("f/checkpoint"), 0700);
	mkdir(scratch("f/old"), 0700);
	write_text("f/checkpoint/inventory.img", "new");
	write_text("f/old/inventory.img", "old");
	ck_assert_int_eq(symlink("../old", scratch("f/checkpoint/parent")), 0);
	ck_assert_int_eq(symlink("/etc/passwd", scratch("f/checkpoint/pages-1.img")), 0);
	write_text("f/config.json", "{\"b\":2}");
	write_text("f/rootfs-diff.tar", "left of an export");
	ck_assert_int_eq(mkfifo(scratch("f/attach"), 0600), 0);
	ck_ok(members_open(scratch("f"), NULL, &m, &err), err);
	list = text_of(m);
	ck_assert_str_eq(list, "d 0 checkpoint\n"
			       "f 3 checkpoint/inventory.img\n"
			       "l 0 checkpoint/pages-1.img\n"
			       "l 0 checkpoint/parent -> ../pre-checkpoint\n"
			       "f 3 pre-checkpoint/inventory.img\n"
			       "f 7 spec.dump\n");
	ck_assert_int_eq(members_read(m, "spec.dump", 100, &text, &len, &err), 1);
	ck_assert_str_eq(text, "{\"b\":2}");
	ck_assert_int_eq(members_read(m, "checkpoint/pages-1.img", 100, &text, &len, &err),
			 -FIRN_ECORRUPT);
	ck_assert_str_eq(members_about(m)->engine, "OCI bundle");
}
END_TEST

START_TEST(bare)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error err = { 0 };
	_free_ char *list = NULL;

	close(scratch_folder("f"));
	write_text("f/inventory.img", "i");
	write_text("f/dump.log", "log");
	ck_assert_int_eq(symlink("../f", scratch("f/parent")), 0); /* a circle */
	ck_ok(members_open(scratch("f"), NULL, &m, &err), err);
	list = text_of(m);
	ck_assert_str_eq(list, "f 1 checkpoint/inventory.img\n"
			       "l 0 checkpoint/parent -> ../f\n"
			       "f 3 dump.log\n");
	scratch_clear(scratch("f/inventory.img"));
	ck_assert_int_eq(members_open(scratch("f"), NULL, &m, &err), -FIRN_EINVAL);
}
END_TEST

/* The layers of others' images: from the topmost down, what is seen and no more. */
START_TEST(foreign)
{
	static const struct tar_member lower[] = {
		{ .name = "spec.dump", .data = "old" },
		{ .name = "checkpoint/inventory.img", .data = "i" },
		{ .name = "checkpoint/core-1.img", .data = "gone" },
		{ .name = "etc/hosts", .data = "furniture" },
		{ .name = NULL },
	};
	static const struct tar_member upper[] = {
		{ .name = "spec.dump", .data = "newer" },
		{ .name = "checkpoint/.wh.core-1.img" },
		{ .name = NULL },
	};
	struct buf tars[2] = { BUF_INIT, BUF_INIT };
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error err = { 0 };
	_free_ char *list = NULL, *text = NULL;
	size_t len = 0;

	build_members(&tars[0], lower);
	build_members(&tars[1], upper);
	scratch_clear(scratch("base"));
	make_base("x", tars, 2, NULL, NULL);
	ck_ok(members_open(scratch("base"), NULL, &m, &err), err);
	list = text_of(m);
	ck_assert_str_eq(list, "f 1 checkpoint/inventory.img\nf 5 spec.dump\n");
	ck_assert_int_eq(members_read(m, "spec.dump", 100, &text, &len, &err), 1);
	ck_assert_str_eq(text, "newer");
	ck_assert_int_eq(members_form(m), MEMBERS_FOREIGN);
	ck_assert_uint_eq(members_about(m)->image->manifest.nlayers, 2);
	ck_assert_ptr_nonnull(members_store(m));
	ck_assert_int_eq(members_open(scratch("base"), "x", &m, &err), -FIRN_EINVAL);
	buf_done(&tars[0]);
	buf_done(&tars[1]);
}
END_TEST

START_TEST(words)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error err = { 0 };

	scratch_clear(scratch("base"));
	make_image("i", files, PODMAN_ROOTFS_IMAGE_NAME);
	ck_ok(members_open(scratch("base"), NULL, &m, &err), err);
	ck_assert_str_eq(members_about(m)->image_name, "word");
	ck_assert_ptr_null(members_about(m)->container);
}
END_TEST

START_TEST(ctr)
{
	_cleanup_(members_closep) struct members *m = NULL;
	uint8_t page[3];
	struct members_piece piece = {
		.path = "checkpoint/pages-1.img", .at = 1, .len = 3, .to = page
	};
	struct firn_error err = { 0 };
	_free_ char *list = NULL, *text = NULL;
	size_t len = 0;

	scratch_clear(scratch("base"));
	make_ctr("c", "");
	ck_ok(members_open(scratch("base"), NULL, &m, &err), err);
	list = text_of(m);
	ck_assert_str_eq(list, "o 0 checkpoint/hard\n"
			       "f 1 checkpoint/inventory.img\n"
			       "f 5 checkpoint/pages-1.img\n"
			       "f 97 ctr/config.pb\n"
			       "f 1 ctr/options.pb\n"
			       "f 3 dump.log\n"
			       "f 5 rootfs-diff.tar\n"
			       "f 39 spec.dump\n");
	ck_assert_int_eq(members_read(m, "spec.dump", 100, &text, &len, &err), 1);
	ck_assert_str_eq(text, CTR_SPEC);
	ck_ok(members_fetch(m, &piece, 1, &err), err);
	ck_assert(piece.there && memcmp(page, "age", 3) == 0);
	ck_assert_int_eq(members_form(m), MEMBERS_CTR);
	ck_assert_str_eq(members_about(m)->engine, "containerd");
	ck_assert_str_eq(members_about(m)->image_name, "base:1");
	ck_assert_ptr_null(members_about(m)->base);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("members");
	TCase *tc = tcase_create("members");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, archive, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, contents, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, pass, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, documents, 0, ARRAY_SIZE(codecs));
	tcase_add_loop_test(tc, broken, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, folder);
	tcase_add_test(tc, bare);
	tcase_add_test(tc, foreign);
	tcase_add_test(tc, words);
	tcase_add_test(tc, ctr);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
