/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Payloads, truncation at every place, compression: the tar reader as a reader of streams. */
#include "bytes/digest.h"
#include "format/tar.h"

#include "tar_builder.h"
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

/* Small, but with every kind of thing to cut through. */
static void sample(struct buf *b)
{
	MEMBER(b, .name = "dir/", .type = '5');
	MEMBER(b, .name = "dir/whole", .data = long_name, .data_len = 1024);
	PAX(b, "path", NAME(600), "SCHILY.xattr.user.x", NAME(700));
	MEMBER(b, .name = "dir/part", .data = long_name, .data_len = 1500);
	build_extra(b, 'L', NAME(300), 301);
	MEMBER(b, .name = "empty", .magic = MAGIC_GNU);
	MEMBER(b, .name = "last", .data = "abc");
	build_end(b);
}

static void load(const char *name, struct buf *b)
{
	const char *top = getenv("top_srcdir");
	char path[4096];
	struct firn_error err = { 0 };
	char *bytes = NULL;
	size_t n = 0;
	_fd_ int fd = -1;

	snprintf(path, sizeof(path), "%s/tests/data/%s", top ? top : ".", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "%s: %m", path);
	ck_ok(fd_read_all(fd, 1 << 24, &bytes, &n, &err), err);
	buf_put(b, bytes, n);
	free(bytes);
}

/* The archive @b through a filter of libarchive's ("gzip", "xz", ...). */
static void pack(const char *filter, const struct buf *b, struct buf *ret)
{
	size_t room = b->len + 65536, used = 0;
	uint8_t *out = malloc(room);
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	ck_assert_int_eq(archive_write_set_format_raw(a), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_open_memory(a, out, room, &used), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_data(a, b->data, b->len), (la_ssize_t)b->len);
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	archive_entry_free(e);
	buf_put(ret, out, used);
	free(out);
}

/* One digest of all names and payloads, payloads read @step bytes at a time (0: not at all). */
static int digest_all(struct tar *t, size_t step, struct digest *ret, struct firn_error *err)
{
	const struct tar_entry *e;
	struct hasher *h = NULL;
	char *piece = malloc(step + 1);
	int rc;

	ck_ok(hasher_new(DIGEST_SHA256, &h, err), *err);
	while ((rc = tar_next(t, &e, err)) > 0) {
		ssize_t got = 1;
		uint64_t sum = 0;

		ck_ok(hasher_update(h, e->path, strlen(e->path) + 1, err), *err);
		while (step && got > 0) {
			got = tar_read(t, piece, step, err);
			if (got > 0)
				ck_ok(hasher_update(h, piece, (size_t)got, err), *err);
			sum += got > 0 ? (uint64_t)got : 0;
		}
		if (got < 0) {
			rc = (int)got;
			break;
		}
		ck_assert(!step || sum == e->size);
	}
	free(piece);
	if (rc == 0)
		ck_ok(hasher_final(h, ret, err), *err);
	hasher_free(h);
	return rc;
}

static int digest_bytes(const void *bytes, size_t n, bool stream, size_t step, struct digest *ret,
			struct firn_error *err)
{
	struct source *src = NULL;
	struct istream *in = NULL;
	struct tar *t = NULL;
	int rc;

	ck_ok(source_from_mem(bytes, n, &src, err), *err);
	ck_ok(istream_from_mem(bytes, n, &in, err), *err);
	rc = stream ? tar_open_stream(in, NULL, &t, err) : tar_open_source(src, NULL, &t, err);
	if (rc == 0)
		rc = digest_all(t, step, ret, err);
	tar_close(t);
	istream_close(in);
	source_close(src);
	return rc;
}

static const size_t steps[] = { 1, 511, 512, 4096, 1 << 20 };

/* The same bytes whatever the reader's step, and by offset as well as from a stream. */
START_TEST(payloads)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct digest first, d;

	load("podman-none.tar", &b);
	ck_ok(digest_bytes(b.data, b.len, false, 65536, &first, &err), err);
	for (int stream = 0; stream < 2; stream++) {
		ck_ok(digest_bytes(b.data, b.len, stream, steps[_i], &d, &err), err);
		ck_assert(digest_equal(&first, &d));
	}
}
END_TEST

/* Entry.offset is where the payload is, and a source's payload comes through tar_payload() too. */
START_TEST(offsets)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct tar *t = NULL;
	const struct tar_entry *e;
	int files = 0, rc;

	load("podman-none.tar", &b);
	ck_ok(source_from_mem(b.data, b.len, &src, &err), err);
	ck_ok(tar_open_source(src, NULL, &t, &err), err);
	ck_assert(!tar_compressed(t));
	while ((rc = tar_next(t, &e, &err)) > 0) {
		struct istream *in = NULL;
		char *text = NULL;
		size_t n = 0;

		ck_ok(tar_payload(t, &in, &err), err);
		ck_ok(istream_read_all(in, 1 << 24, &text, &n, &err), err);
		ck_assert_uint_eq(n, e->size);
		if (n)
			ck_assert_mem_eq(text, b.data + e->offset, n);
		files += n > 0;
		free(text);
		istream_close(in);
	}
	ck_ok(rc, err);
	ck_assert_int_gt(files, 20);
	tar_close(t);
	source_close(src);
}
END_TEST

static const char *const samples[] = { NULL, "podman-none.tar", "containerd-cri-tiny.tar",
				       "base-tiny-rootfs.tar" };

/*
 * Cut at every block: an error each time, payloads read or not. Only the second half of the
 * end-of-archive marker, and what may lie behind it, can do without.
 */
START_TEST(truncated)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct digest d;
	size_t end;

	make_names();
	if (samples[_i])
		load(samples[_i], &b);
	else
		sample(&b);
	for (end = b.len; end && b.data[end - 1] == 0; end--)
		;
	end = (end + 511) / 512 * 512 + 512;
	ck_assert_uint_le(end, b.len);
	for (size_t n = 0; n < b.len; n += samples[_i] ? 512 : 1) {
		bool whole = n == end || n >= end + 512;

		for (int way = 0; way < 4; way++) {
			int rc = digest_bytes(b.data, n, way & 1, way & 2 ? 4096 : 0, &d, &err);

			ck_assert_msg(rc == (whole ? 0 : -FIRN_ECORRUPT), "%zu, way %d: %d %s", n,
				      way, rc, err.msg);
		}
	}
}
END_TEST

static const char *const filters[] = { "gzip", "zstd", "xz", "bzip2" };

/* Compressed: the same content, no offsets, and every cut is found, in the checksum too. */
START_TEST(compressed)
{
	_buf_ struct buf b = BUF_INIT, packed = BUF_INIT;
	struct firn_error err = { 0 };
	struct digest plain, d;

	make_names();
	sample(&b);
	pack(filters[_i], &b, &packed);
	ck_ok(digest_bytes(b.data, b.len, false, 4096, &plain, &err), err);
	for (int stream = 0; stream < 2; stream++) {
		ck_ok(digest_bytes(packed.data, packed.len, stream, 4096, &d, &err), err);
		ck_assert(digest_equal(&plain, &d));
		for (size_t n = 0; n < packed.len; n++) {
			int rc = digest_bytes(packed.data, n, stream, 0, &d, &err);

			ck_assert_msg(rc == -FIRN_ECORRUPT, "cut at %zu of %zu: %d", n, packed.len,
				      rc);
		}
	}
}
END_TEST

/* Of an archive that is cut inside of the compression, too. */
START_TEST(compressed_truncated)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct digest d;

	make_names();
	sample(&b);
	for (size_t n = 0; n < b.len - 512; n += 512) {
		_buf_ struct buf cut = BUF_INIT, packed = BUF_INIT;

		buf_put(&cut, b.data, n);
		pack(filters[_i], &cut, &packed);
		ck_assert_int_eq(digest_bytes(packed.data, packed.len, true, 0, &d, &err),
				 -FIRN_ECORRUPT);
	}
}
END_TEST

/* Whoever hashes the input has seen all of it at the end, also what no decompressor wants. */
START_TEST(compressed_tail)
{
	_buf_ struct buf b = BUF_INIT, packed = BUF_INIT;
	_cleanup_(istream_closep) struct istream *in = NULL;
	struct firn_error err = { 0 };
	const struct tar_entry *e;
	struct tar *t = NULL;
	char rest;
	int rc;

	make_names();
	sample(&b);
	pack("bzip2", &b, &packed);
	buf_fill(&packed, 0, 1 << 20);
	ck_ok(istream_from_mem(packed.data, packed.len, &in, &err), err);
	ck_ok(tar_open_stream(in, NULL, &t, &err), err);
	while ((rc = tar_next(t, &e, &err)) > 0)
		;
	ck_ok(rc, err);
	ck_assert_int_eq(istream_read(in, &rest, 1, &err), 0);
	tar_close(t);
}
END_TEST

/* The .xz file format 1.0.4, sections 3.1 and 5.3.1: the dictionary's size, in what libarchive
 * wrote. */
static void set_dictionary(struct buf *packed, uint8_t size)
{
	uint8_t *header = packed->data + 12;
	uint32_t crc = UINT32_MAX;

	ck_assert_mem_eq(header, "\2\0\x21\1", 4);
	header[4] = size;
	for (size_t i = 0; i < 8; i++) {
		crc ^= header[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	for (size_t i = 0; i < 4; i++)
		header[8 + i] = (uint8_t)(~crc >> 8 * i);
}

static const struct {
	uint8_t size;
	int rc;
} dictionaries[] = { { 28, 0 }, { 29, -FIRN_ELIMIT }, { 35, -FIRN_ELIMIT }, { 41, -FIRN_EUNSUPP } };

/* 64 MiB (what xz -9 takes), 96 and 768; then what isn't one. */
START_TEST(compressed_memory)
{
	_buf_ struct buf b = BUF_INIT, packed = BUF_INIT;
	struct firn_error err = { 0 };
	struct digest d;

	make_names();
	sample(&b);
	pack("xz", &b, &packed);
	set_dictionary(&packed, dictionaries[_i].size);
	ck_assert_int_eq(digest_bytes(packed.data, packed.len, true, 0, &d, &err),
			 dictionaries[_i].rc);
	if (dictionaries[_i].rc == -FIRN_ELIMIT)
		ck_assert_ptr_nonnull(strstr(err.msg, "72 MiB of memory: unpack it first"));
}
END_TEST

START_TEST(compressed_flags)
{
	_buf_ struct buf b = BUF_INIT, packed = BUF_INIT;
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct tar *t = NULL;
	const struct tar_entry *e;
	int rc;

	make_names();
	sample(&b);
	pack(filters[_i], &b, &packed);
	ck_ok(source_from_mem(packed.data, packed.len, &src, &err), err);
	ck_ok(tar_open_source(src, NULL, &t, &err), err);
	ck_assert(tar_compressed(t));
	while ((rc = tar_next(t, &e, &err)) > 0)
		ck_assert_uint_eq(e->offset, 0);
	ck_ok(rc, err);
	tar_close(t);
	source_close(src);
}
END_TEST

static const char *const podman[] = { "podman-gzip.tar.gz", "podman-zstd.tar.zst" };

/* What an engine wrote: whole it is fine, and cut anywhere it is not. */
START_TEST(engine_compressed)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct digest d;

	load(podman[_i], &b);
	ck_ok(digest_bytes(b.data, b.len, true, 65536, &d, &err), err);
	for (size_t n = 0; n < b.len; n += n + 600 < b.len ? 509 : 1) {
		int rc = digest_bytes(b.data, n, true, 0, &d, &err);

		ck_assert_msg(rc == -FIRN_ECORRUPT, "cut at %zu of %zu: %d", n, b.len, rc);
	}
}
END_TEST

/* A zstd frame of @n times 128 KiB of zeros behind one header: RFC 8878, blocks of type RLE. */
static void build_bomb(struct buf *b, uint32_t n)
{
	_buf_ struct buf header = BUF_INIT;

	build_header(&header,
		     &(const struct tar_member){ .name = "zeros", .size = (int64_t)n * 131072 });
	buf_le32(b, 0xfd2fb528);
	buf_put(b, "\0\x58", 2); /* no content size; window of 2 MiB */
	buf_put(b, (const uint8_t[]){ 512 << 3 & 0xff, 512 << 3 >> 8, 0 }, 3);
	buf_put(b, header.data, header.len);
	for (uint32_t i = 0; i < n + 1; i++) {
		uint32_t size = i < n ? 131072 : 1024;
		uint32_t word = size << 3 | 1 << 1 | (i == n);

		buf_put(b, (const uint8_t[]){ word & 0xff, word >> 8 & 0xff, word >> 16, 0 }, 4);
	}
}

static const struct {
	uint32_t mib;
	uint64_t ratio;
	int rc;
} bombs[] = {
	{ 1024, 0, -FIRN_ELIMIT }, /* with the header a little above 1 GiB */
	{ 1023, 0, 0 },
	{ 1100, 40000, 0 },
	{ 1100, 30000, -FIRN_ELIMIT },
};

START_TEST(bomb)
{
	const struct tar_limits limits = { .ratio = bombs[_i].ratio };
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct istream *in = NULL;
	struct tar *t = NULL;
	struct digest d;

	build_bomb(&b, bombs[_i].mib * 8);
	ck_ok(istream_from_mem(b.data, b.len, &in, &err), err);
	ck_ok(tar_open_stream(in, &limits, &t, &err), err);
	ck_assert_int_eq(digest_all(t, 0, &d, &err), bombs[_i].rc);
	if (bombs[_i].rc == -FIRN_ELIMIT)
		ck_assert_ptr_nonnull(strstr(err.msg, _i == 0 ? "expands more than 200 times"
							      : "expands more than 30000 times"));
	tar_close(t);
	istream_close(in);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tar_stream");
	TCase *tc = tcase_create("tar_stream");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, payloads, 0, ARRAY_SIZE(steps));
	tcase_add_test(tc, offsets);
	tcase_add_loop_test(tc, truncated, 0, ARRAY_SIZE(samples));
	tcase_add_loop_test(tc, compressed, 0, ARRAY_SIZE(filters));
	tcase_add_loop_test(tc, compressed_truncated, 0, ARRAY_SIZE(filters));
	tcase_add_test(tc, compressed_tail);
	tcase_add_loop_test(tc, compressed_memory, 0, ARRAY_SIZE(dictionaries));
	tcase_add_loop_test(tc, compressed_flags, 0, ARRAY_SIZE(filters));
	tcase_add_loop_test(tc, engine_compressed, 0, ARRAY_SIZE(podman));
	tcase_add_loop_test(tc, bomb, 0, ARRAY_SIZE(bombs));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
