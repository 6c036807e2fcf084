/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* oci-archives: a tar of a layout, made here member by member, read where it lies. */
#include "base/fd.h"
#include "bytes/codec.h"
#include "bytes/sink.h"
#include "image/layout.h"
#include "scratch.h"
#include "unit.h"

#define HELLO_HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO     "sha256:" HELLO_HEX
#define MARK      "{\"imageLayoutVersion\":\"1.0.0\"}"
#define INDEX                                                                                      \
	"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST                       \
	"\",\"digest\":\"" HELLO                                                                   \
	"\",\"size\":5,\"annotations\":{\"org.opencontainers.image.ref.name\":\"r1\"}}]}"

struct tar_member {
	const char *name, *content;
	char type;
};

/* A ustar member (POSIX.1-2017, pax, "ustar Interchange Format"). */
static void add_member(struct buf *tar, const struct tar_member *m)
{
	const char *content = m->content ? m->content : "";
	const unsigned size = (unsigned)strlen(content);
	unsigned sum = 0;
	char h[512] = "";

	snprintf(h, 100, "%s", m->name);
	strcpy(h + 100, "0000644");
	strcpy(h + 108, "0000000");
	strcpy(h + 116, "0000000");
	snprintf(h + 124, 12, "%011o", m->type == '0' ? size : 0);
	strcpy(h + 136, "00000000000");
	h[156] = m->type;
	if (m->type == '1' || m->type == '2')
		snprintf(h + 157, 100, "%s", content);
	memcpy(h + 257, "ustar\00000", 8);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	buf_put(tar, h, sizeof(h));
	if (m->type == '0') {
		buf_puts(tar, content);
		buf_align(tar, 512);
	}
}

static const struct {
	const char *name;
	struct tar_member members[6];
	int rc; /* of opening */
	const char *says;
} archives[] = {
	{ "plain",
	  { { "oci-layout", MARK, '0' },
	    { "index.json", INDEX, '0' },
	    { "blobs/sha256/" HELLO_HEX, "hello", '0' } },
	  0,
	  NULL },
	{ "with folders, extras and dots, blobs first",
	  { { "./", NULL, '5' },
	    { "./blobs/", NULL, '5' },
	    { "./blobs/sha256/" HELLO_HEX, "hello", '0' },
	    { "./blobs/sha256/README", "not a blob", '0' },
	    { "./index.json", INDEX, '0' },
	    { "./oci-layout", MARK, '0' } },
	  0,
	  NULL },
	{ "empty",
	  { { NULL, NULL, 0 } },
	  -FIRN_ECORRUPT,
	  "no OCI layout: there is no oci-layout in it" },
	{ "no index",
	  { { "oci-layout", MARK, '0' } },
	  -FIRN_ECORRUPT,
	  "there is no index.json in it" },
	{ "mark a link",
	  { { "oci-layout", "x", '2' }, { "index.json", INDEX, '0' } },
	  -FIRN_ECORRUPT,
	  "there is no oci-layout in it" },
	{ "index twice",
	  { { "oci-layout", MARK, '0' },
	    { "index.json", INDEX, '0' },
	    { "./index.json", "{}", '0' } },
	  -FIRN_ECORRUPT,
	  "index.json" },
	{ "later version",
	  { { "oci-layout", "{\"imageLayoutVersion\":\"9\"}", '0' }, { "index.json", INDEX, '0' } },
	  -FIRN_EUNSUPP,
	  "oci-layout: version \"9\"" },
	{ "leaves", { { "../index.json", INDEX, '0' } }, -FIRN_ECORRUPT, "leaves" },
};

static void write_archive(size_t i, size_t cut)
{
	_buf_ struct buf tar = BUF_INIT;

	for (size_t m = 0; m < ARRAY_SIZE(archives[i].members) && archives[i].members[m].name; m++)
		add_member(&tar, &archives[i].members[m]);
	buf_fill(&tar, 0, 1024);
	scratch_write("a.tar", tar.data, cut ? cut : tar.len);
}

START_TEST(open_archive)
{
	struct firn_error err = { 0 };
	struct layout *l = NULL;
	int rc;

	write_archive((size_t)_i, 0);
	rc = layout_open_archive(scratch("a.tar"), &l, &err);
	ck_assert_msg(rc == archives[_i].rc, "%s: %d %s", archives[_i].name, rc, err.msg);
	if (rc < 0) {
		ck_assert_msg(strstr(err.msg, archives[_i].says), "%s: %s", archives[_i].name,
			      err.msg);
		ck_assert_ptr_null(l);
	}
	layout_close(l);
}
END_TEST

/* Both that open well read the same, whatever the order of their members. */
START_TEST(read_archive)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor d = { 0 };
	_cleanup_(layout_closep) struct layout *l = NULL;
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct firn_error err = { 0 };
	uint64_t at = 0, size = 0;
	_free_ char *text = NULL;
	char bytes[8] = "", name[512];
	_fd_ int fd = -1;

	write_archive((size_t)_i, 0);
	snprintf(name, sizeof(name), "%s%s", _i ? "" : "oci-archive:", scratch("a.tar"));
	ck_ok(ref_parse(name, &ref, &err), err);
	ck_ok(layout_open_ref(&ref, &l, &err), err);
	ref.tag = strdup("r1");
	ck_ok(layout_resolve(l, &ref, &d, &err), err);
	ck_ok(store_read(layout_store(l), &d.digest, d.size, 100, &text, NULL, &err), err);
	ck_assert_str_eq(text, "hello");
	ck_ok(store_open_fd(layout_store(l), &d.digest, &fd, &at, &size, &err), err);
	ck_assert_int_eq(pread(fd, bytes, (size_t)size, (off_t)at), 5);
	ck_assert_str_eq(bytes, "hello");
}
END_TEST

/* Every truncation is an error, on whatever boundary. */
START_TEST(truncated)
{
	struct firn_error err = { 0 };
	struct layout *l = NULL;
	struct stat st;

	write_archive(0, 0);
	ck_assert_int_eq(stat(scratch("a.tar"), &st), 0);
	for (size_t cut = 1; cut < (size_t)st.st_size - 1024; cut += cut % 512 == 511 ? 1 : 170) {
		write_archive(0, cut);
		ck_assert_int_eq(layout_open_archive(scratch("a.tar"), &l, &err), -FIRN_ECORRUPT);
	}
}
END_TEST

/* The same archive as @how makes it; its blobs can be read by whoever doesn't ask for a file. */
static void pack(const struct buf *tar, enum codec how)
{
	_cleanup_(sink_closep) struct sink *out = NULL, *packer = NULL;
	_buf_ struct buf packed = BUF_INIT;
	struct firn_error err = { 0 };

	ck_ok(sink_from_buf(&packed, &out, &err), err);
	ck_ok(codec_writer(how, out, &packer, &err), err);
	ck_ok(sink_write(packer, tar->data, tar->len, &err), err);
	ck_ok(sink_finish(packer, &err), err);
	scratch_write("a.tar", packed.data, packed.len);
}

/* A blob of @n bytes that compress to little. Returns its digest's hex. */
static const char *add_big(struct buf *tar, size_t n, char hex[DIGEST_TEXT_MAX], struct digest *ret)
{
	_buf_ struct buf big = BUF_INIT;
	struct firn_error err = { 0 };
	struct tar_member m = { .type = '0' };
	char name[200];

	buf_fill(&big, 'b', n);
	ck_ok(digest_of(big.data, big.len, ret, &err), err);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(ret, hex));
	buf_fill(&big, 0, 1); /* it is a string here */
	m.name = name;
	m.content = (char *)big.data;
	add_member(tar, &m);
	return hex;
}

#define BIG (1u << 20) /* more than is kept of the stream */

START_TEST(compressed)
{
	const enum codec codecs[] = { CODEC_GZIP, CODEC_ZSTD };
	_cleanup_(layout_closep) struct layout *l = NULL;
	_buf_ struct buf tar = BUF_INIT;
	_free_ char *first = NULL, *text = NULL, *again = NULL;
	struct firn_error err = { 0 };
	struct digest big, hello;
	char hex[DIGEST_TEXT_MAX];
	uint64_t at, size;
	int fd = -1;

	add_big(&tar, BIG, hex, &big);
	add_member(&tar, &(const struct tar_member){ "oci-layout", MARK, '0' });
	add_member(&tar, &(const struct tar_member){ "blobs/sha256/" HELLO_HEX, "hello", '0' });
	add_member(&tar, &(const struct tar_member){ "index.json", INDEX, '0' });
	buf_fill(&tar, 0, 1024);
	pack(&tar, codecs[_i]);
	ck_ok(layout_open_archive(scratch("a.tar"), &l, &err), err);
	ck_ok(digest_parse(&hello, HELLO, &err), err);
	ck_ok(store_read(layout_store(l), &big, BIG, BIG, &first, NULL, &err), err);
	ck_ok(store_read(layout_store(l), &hello, 5, 100, &text, NULL, &err), err);
	ck_assert_str_eq(text, "hello");
	ck_ok(store_read(layout_store(l), &big, BIG, BIG, &again, NULL, &err), err);
	ck_assert_int_eq(store_open_fd(layout_store(l), &big, &fd, &at, &size, &err),
			 -FIRN_EUNSUPP);
}
END_TEST

/* What "tar c FOLDER" writes. The root goes first, and one folder is not two. */
static const struct {
	const char *name;
	struct tar_member members[6];
	int rc;
} foldered[] = {
	{ "in a folder",
	  { { "f/", NULL, '5' },
	    { "f/index.json", INDEX, '0' },
	    { "f/blobs/sha256/" HELLO_HEX, "hello", '0' },
	    { "f/oci-layout", MARK, '0' } },
	  0 },
	{ "at the root and in a folder",
	  { { "f/oci-layout", "{}", '0' },
	    { "oci-layout", MARK, '0' },
	    { "index.json", INDEX, '0' },
	    { "blobs/sha256/" HELLO_HEX, "hello", '0' } },
	  0 },
	{ "two folders deep",
	  { { "f/g/index.json", INDEX, '0' }, { "f/g/oci-layout", MARK, '0' } },
	  -FIRN_ECORRUPT },
	{ "an index beside its folder",
	  { { "f/oci-layout", MARK, '0' }, { "index.json", INDEX, '0' } },
	  -FIRN_ECORRUPT },
};

START_TEST(folder)
{
	_cleanup_(layout_closep) struct layout *l = NULL;
	_buf_ struct buf tar = BUF_INIT;
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	struct digest hello;
	int rc;

	for (const struct tar_member *m = foldered[_i].members; m->name; m++)
		add_member(&tar, m);
	buf_fill(&tar, 0, 1024);
	scratch_write("a.tar", tar.data, tar.len);
	rc = layout_open_archive(scratch("a.tar"), &l, &err);
	ck_assert_msg(rc == foldered[_i].rc, "%s: %d %s", foldered[_i].name, rc, err.msg);
	if (rc < 0)
		return;
	ck_ok(digest_parse(&hello, HELLO, &err), err);
	ck_ok(store_read(layout_store(l), &hello, 5, 100, &text, NULL, &err), err);
}
END_TEST

/* What is compressed in a way in which nothing can be found by its place. */
START_TEST(unplaced)
{
	static const char bzip2[] = "BZh91AY&SY and more";
	struct firn_error err = { 0 };
	struct layout *l = NULL;

	scratch_write("packed", bzip2, sizeof(bzip2));
	ck_assert_int_eq(layout_open_archive(scratch("packed"), &l, &err), -FIRN_EUNSUPP);
	ck_assert_ptr_nonnull(strstr(err.msg, "is compressed with bzip2: unpack it first"));
	ck_assert_ptr_null(l);
}
END_TEST

START_TEST(no_file)
{
	struct firn_error err = { 0 };
	struct ref ref = { .transport = REF_PATH };
	struct layout *l = NULL;

	ck_assert_int_eq(layout_open_archive(scratch("none"), &l, &err), -FIRN_ENOTFOUND);
	ref.path = (char *)scratch("none");
	ck_assert_int_eq(layout_open_ref(&ref, &l, &err), -FIRN_ENOTFOUND);
	ck_assert_int_eq(mkfifo(scratch("fifo"), 0600), 0);
	ck_assert_int_lt(layout_open_archive(scratch("fifo"), &l, &err), 0);
	ck_assert_ptr_null(l);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("archive");
	TCase *tc = tcase_create("archive");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, open_archive, 0, ARRAY_SIZE(archives));
	tcase_add_loop_test(tc, read_archive, 0, 2);
	tcase_add_test(tc, truncated);
	tcase_add_loop_test(tc, compressed, 0, 2);
	tcase_add_loop_test(tc, folder, 0, ARRAY_SIZE(foldered));
	tcase_add_test(tc, unplaced);
	tcase_add_test(tc, no_file);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
