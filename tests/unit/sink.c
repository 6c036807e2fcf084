/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/sink.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

static const enum codec codecs[] = { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };

/* Random bytes and others in turn, 4 KiB each. */
static void make_text(struct buf *b, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		uint8_t c;

		x = x * 1664525u + 1013904223u;
		c = i & 4096 ? (uint8_t)(x >> 24) : (uint8_t)(i >> 9);
		buf_put(b, &c, 1);
	}
}

static void pack(enum codec c, const struct buf *text, size_t step, struct buf *out)
{
	struct firn_error err = { 0 };
	struct sink *to = NULL, *packer = NULL;

	ck_ok(sink_from_buf(out, &to, &err), err);
	ck_ok(codec_writer(c, to, &packer, &err), err);
	for (size_t at = 0; at < text->len; at += step)
		ck_ok(sink_write(packer, text->data + at,
				 text->len - at < step ? text->len - at : step, &err),
		      err);
	ck_ok(sink_finish(packer, &err), err);
	ck_ok(sink_finish(to, &err), err);
	sink_close(packer);
	sink_close(to);
}

static const struct {
	size_t n, step;
} sizes[] = { { 0, 1 },
	      { 1, 1 },
	      { 1000, 7 },
	      { 65536, 65536 },
	      { 65537, 4096 },
	      { 1u << 20, 100000 },
	      { 3u << 20, 1u << 22 },
	      { 300000, 1 } };

START_TEST(round_trip)
{
	const enum codec c = codecs[_i % 3];
	_buf_ struct buf text = BUF_INIT, packed = BUF_INIT, again = BUF_INIT;
	struct firn_error err = { 0 };
	struct istream *mem, *in;
	_free_ char *back = NULL;
	size_t len = 0;

	make_text(&text, sizes[_i / 3].n);
	pack(c, &text, sizes[_i / 3].step, &packed);
	pack(c, &text, sizes[_i / 3].step, &again);
	ck_assert_int_eq(codec_detect(packed.data, packed.len), text.len || c ? c : CODEC_NONE);
	ck_assert_uint_eq(packed.len, again.len);
	ck_assert(packed.len == 0 || memcmp(packed.data, again.data, packed.len) == 0);
	if (c != CODEC_NONE && text.len > 100000)
		ck_assert_uint_lt(packed.len, text.len);
	ck_ok(istream_from_mem(packed.data, packed.len, &mem, &err), err);
	ck_ok(codec_reader(c, mem, 0, &in, &err), err);
	ck_ok(istream_read_all(in, 1u << 24, &back, &len, &err), err);
	istream_close(in);
	ck_assert_uint_eq(len, text.len);
	ck_assert(len == 0 || memcmp(back, text.data, len) == 0);
}
END_TEST

START_TEST(zeros)
{
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err = { 0 };
	struct sink *s = NULL;

	ck_ok(sink_from_buf(&out, &s, &err), err);
	ck_ok(sink_zeros(s, 0, &err), err);
	ck_assert_uint_eq(out.len, 0);
	ck_ok(sink_zeros(s, 10001, &err), err);
	ck_assert_uint_eq(out.len, 10001);
	for (size_t i = 0; i < out.len; i++)
		ck_assert_uint_eq(out.data[i], 0);
	sink_close(s);
}
END_TEST

/* A sink that takes @room bytes and then fails. */
struct narrow {
	struct sink sink;
	size_t room;
};

static int narrow_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	struct narrow *w = (struct narrow *)s;

	(void)bytes;
	if (n > w->room)
		return firn_fail(err, FIRN_EBUSY, "no room");
	w->room -= n;
	return 0;
}

static void narrow_close(struct sink *s)
{
	(void)s;
}

static const struct {
	size_t text, room;
	bool at_finish; /* the compressor holds everything back until then */
} narrow_cases[] = { { 100, 0, true }, { 1u << 21, 1000, false }, { 1u << 21, 200000, false } };

/* What is behind a compressor refuses: that error, and nothing hangs or leaks. */
START_TEST(refused)
{
	static const struct sink_ops ops = { narrow_write, NULL, narrow_close };
	struct narrow narrow = { { &ops }, narrow_cases[_i / 2].room };
	const enum codec c = codecs[1 + _i % 2];
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };
	struct sink *packer = NULL;
	int rc;

	make_text(&text, narrow_cases[_i / 2].text);
	ck_ok(codec_writer(c, &narrow.sink, &packer, &err), err);
	rc = sink_write(packer, text.data, text.len, &err);
	if (narrow_cases[_i / 2].at_finish && rc == 0)
		rc = sink_finish(packer, &err);
	ck_assert_int_eq(rc, -FIRN_EBUSY);
	ck_assert_str_eq(err.msg, "no room");
	sink_close(packer);
}
END_TEST

START_TEST(file)
{
	_fd_ int fd = memfd_create("sink", 0);
	_free_ char *back = NULL;
	struct firn_error err = { 0 };
	struct sink *s = NULL;
	size_t len = 0;

	ck_assert_int_ge(fd, 0);
	ck_ok(sink_from_fd(fd, &s, &err), err);
	ck_ok(sink_write(s, "one ", 4, &err), err);
	ck_ok(sink_write(s, "", 0, &err), err);
	ck_ok(sink_write(s, "two", 3, &err), err);
	ck_ok(sink_finish(s, &err), err);
	sink_close(s);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_ok(fd_read_all(fd, 100, &back, &len, &err), err);
	ck_assert_str_eq(back, "one two");
}
END_TEST

START_TEST(full)
{
	_fd_ int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct firn_error err = { 0 };
	struct sink *s = NULL;

	ck_assert_int_ge(fd, 0);
	ck_ok(sink_from_fd(fd, &s, &err), err);
	ck_assert_int_eq(sink_write(s, "x", 1, &err), -FIRN_EFAIL);
	ck_assert_int_eq(err.sys_errno, ENOSPC);
	sink_close(s);
}
END_TEST

START_TEST(reader_gone)
{
	struct firn_error err = { 0 };
	struct sink *s = NULL;
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	ck_ok(sink_from_fd(ends[1], &s, &err), err);
	ck_assert_int_eq(sink_write(s, "x", 1, &err), -FIRN_EFAIL);
	ck_assert_int_eq(err.sys_errno, EPIPE);
	sink_close(s);
	close(ends[1]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sink");
	TCase *tc = tcase_create("sink");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, round_trip, 0, 3 * (int)ARRAY_SIZE(sizes));
	tcase_add_test(tc, zeros);
	tcase_add_loop_test(tc, refused, 0, 2 * (int)ARRAY_SIZE(narrow_cases));
	tcase_add_test(tc, file);
	tcase_add_test(tc, full);
	tcase_add_test(tc, reader_gone);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
