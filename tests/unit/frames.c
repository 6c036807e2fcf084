/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/frames.h"

#include "base/buf.h"
#include "base/fd.h"
#include "bytes/codec_frame.h"
#include "bytes/frame_writer.h"
#include "unit.h"

#include <string.h>

static uint32_t noise(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* @n bytes that get smaller, or don't. */
static void fill(struct buf *b, size_t n, bool random, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = random ? (uint8_t)noise(&seed) : (uint8_t)(i / 37 + seed);

		buf_put(b, &byte, 1);
	}
}

static void put_frame(struct buf *to, const void *bytes, size_t n, int level)
{
	_cleanup_(frame_packer_freep) struct frame_packer *p = NULL;
	_free_ uint8_t *out = malloc(frame_bound(n));
	struct firn_error err = { 0 };
	ssize_t len;

	ck_ok(frame_packer_new(level, &p, &err), err);
	len = frame_pack(p, bytes, n, out, frame_bound(n), &err);
	ck_ok(len, err);
	buf_put(to, out, (size_t)len);
}

static void put_skippable(struct buf *to, uint32_t variant, size_t n)
{
	buf_le32(to, 0x184d2a50u + variant);
	buf_le32(to, (uint32_t)n);
	buf_fill(to, 0x28, n);
}

static int walk(const struct buf *b, struct frames *ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;

	ck_ok(source_from_mem(b->data, b->len, &src, err), *err);
	return frames_walk(src, ret, err);
}

/* Every kind of frame, with what is skipped before, between and behind. */
static void mixed(struct buf *packed, struct buf *plain)
{
	static const size_t sizes[] = { 1, 255, 256, 300, 65535, 65536, 131072, 139264, 4096 };

	put_skippable(packed, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t at = plain->len;

		fill(plain, sizes[i], i % 2, (uint32_t)i);
		put_frame(packed, plain->data + at, sizes[i], i % 3 ? 3 : 19);
		put_frame(packed, "", 0, 3);
		put_skippable(packed, (uint32_t)i % 16, i * 100);
	}
}

START_TEST(listed)
{
	_buf_ struct buf packed = BUF_INIT, plain = BUF_INIT;
	_cleanup_(frames_done) struct frames f = FRAMES_INIT;
	struct firn_error err = { 0 };

	mixed(&packed, &plain);
	ck_ok(walk(&packed, &f, &err), err);
	ck_assert_uint_eq(f.n, 9);
	ck_assert_uint_eq(f.plain, plain.len);
	ck_assert_uint_eq(f.list[0].at, 8);
	ck_assert_uint_eq(frames_content(&f, 7), 139264);
	ck_assert_uint_eq(frames_content(&f, 8), 4096);
	for (size_t i = 0; i < f.n; i++) {
		ck_assert_mem_eq(packed.data + f.list[i].at, "\x28\xb5\x2f\xfd", 4);
		ck_assert_uint_eq(frames_find(&f, f.list[i].plain), i);
		ck_assert_uint_eq(frames_find(&f, f.list[i].plain + frames_content(&f, i) - 1), i);
	}
	ck_assert_uint_eq(frames_find(&f, f.plain), f.n);
}
END_TEST

START_TEST(read_anywhere)
{
	_buf_ struct buf packed = BUF_INIT, plain = BUF_INIT;
	_cleanup_(source_closep) struct source *src = NULL;
	static uint8_t got[300000];
	struct source *mem = NULL;
	struct firn_error err = { 0 };
	uint32_t seed = 7;

	mixed(&packed, &plain);
	ck_ok(source_from_mem(packed.data, packed.len, &mem, &err), err);
	ck_ok(frames_open(mem, &src, &err), err);
	ck_assert_uint_eq(src->size, plain.len);
	for (int i = 0; i < 300; i++) {
		size_t at = noise(&seed) % (plain.len + 10), n = noise(&seed) % sizeof(got);
		size_t want = at >= plain.len ? 0 : plain.len - at < n ? plain.len - at : n;
		ssize_t have = source_pread(src, got, n, at, &err);

		ck_assert_int_eq(have, (ssize_t)want);
		if (want)
			ck_assert_mem_eq(got, plain.data + at, want);
	}
}
END_TEST

/* A stream may end behind a frame and nowhere else. */
START_TEST(cut)
{
	_buf_ struct buf packed = BUF_INIT, text = BUF_INIT;
	struct firn_error err = { 0 };
	size_t first;

	fill(&text, 5000, true, 1);
	put_frame(&packed, text.data, text.len, 3);
	first = packed.len;
	put_skippable(&packed, 3, 50);
	for (size_t n = packed.len; n > 0; n--) {
		_cleanup_(frames_done) struct frames f = FRAMES_INIT;
		struct buf part = { .data = packed.data, .len = n };
		int rc = walk(&part, &f, &err);

		if (n == packed.len || n == first)
			ck_assert_int_eq(rc, 0);
		else
			ck_assert_msg(rc == -FIRN_ECORRUPT, "%zu bytes: %d", n, rc);
	}
}
END_TEST

#define MAGIC "\x28\xb5\x2f\xfd"
static const struct {
	const char *name, *bytes;
	size_t len;
	int rc;
} bad_cases[] = {
#define BAD(name, bytes, rc)                                                                       \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, rc                                                 \
	}
	BAD("empty frame", MAGIC "\x20\0\1\0\0", 0),
	BAD("raw block", MAGIC "\x20\2\x11\0\0ab", 0),
	BAD("repeated byte", MAGIC "\x20\5\x2b\0\0a", 0),
	BAD("two blocks", MAGIC "\x20\2\x08\0\0a\x09\0\0b", 0),
	BAD("a window of 256 KiB", MAGIC "\x40\x40\0\0\x01\x08\0", -FIRN_ECORRUPT),
	BAD("with all of its bytes", MAGIC "\x40\x40\0\0\3\x08\0a", 0),
	BAD("a window above that", MAGIC "\x40\x41\0\0\3\x08\0a", -FIRN_EUNSUPP),
	BAD("unknown size", MAGIC "\0\x40\x09\0\0a", -FIRN_EUNSUPP),
	BAD("dictionary", MAGIC "\x21\1\7\x09\0\0a", -FIRN_EUNSUPP),
	BAD("reserved bit", MAGIC "\x28\1\x09\0\0a", -FIRN_ECORRUPT),
	BAD("reserved block", MAGIC "\x20\1\x0f\0\0a", -FIRN_ECORRUPT),
	BAD("large block",
	    MAGIC "\x20\1\x09\x01\x10"
		  "a",
	    -FIRN_ECORRUPT),
	BAD("content of 136 KiB and a byte", MAGIC "\xa0\1\x20\2\0\1\0\0", -FIRN_EUNSUPP),
	BAD("content of 2^64 - 1", MAGIC "\xe0\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0",
	    -FIRN_EUNSUPP),
	BAD("older format", "\x27\xb5\x2f\xfd\x20\0\1\0\0", -FIRN_ECORRUPT),
	BAD("no zstd", "\x1f\x8b\x08\0\0\0\0\0\0\0", -FIRN_ECORRUPT),
	BAD("skippable frame beyond the end",
	    "\x5e\x2a\x4d\x18\xff\xff\xff\xff"
	    "1234",
	    -FIRN_ECORRUPT),
	BAD("less than it announces", MAGIC "\x20\3\x11\0\0ab", -FIRN_ECORRUPT),
	BAD("more than it announces", MAGIC "\x20\1\x11\0\0ab", -FIRN_ECORRUPT),
	BAD("something in an empty one", MAGIC "\x20\0\x11\0\0ab", -FIRN_ECORRUPT),
	BAD("repeated too often", MAGIC "\x20\2\x1b\0\0a", -FIRN_ECORRUPT),
	BAD("something compressed in an empty one",
	    MAGIC "\x20\0\x25\0\0\x10"
		  "ab\0",
	    -FIRN_ECORRUPT),
	BAD("what comes behind",
	    MAGIC "\x20\0\1\0\0"
		  "x",
	    -FIRN_ECORRUPT),
};

START_TEST(bad)
{
	struct buf b = { .data = (uint8_t *)(uintptr_t)bad_cases[_i].bytes,
			 .len = bad_cases[_i].len };
	_cleanup_(frames_done) struct frames f = FRAMES_INIT;
	struct firn_error err = { 0 };

	ck_assert_msg(walk(&b, &f, &err) == bad_cases[_i].rc, "%s: %s", bad_cases[_i].name,
		      err.msg);
}
END_TEST

/* A frame whose bytes give something else than its header says is found when it is read. */
START_TEST(lies)
{
	/* one compressed block: two literals, no sequence */
	static const char text[] = MAGIC "\x20\3\x25\0\0\x10"
					 "ab";
	_cleanup_(source_closep) struct source *src = NULL;
	struct source *mem = NULL;
	struct firn_error err = { 0 };
	uint8_t got[3];

	ck_ok(source_from_mem(text, sizeof(text), &mem, &err), err); /* with its NUL */
	ck_ok(frames_open(mem, &src, &err), err);
	ck_assert_uint_eq(src->size, 3);
	ck_assert_int_eq(source_pread(src, got, 1, 0, &err), -FIRN_ECORRUPT);
}
END_TEST

/* What a writer of the tests collects. */
struct made {
	struct buf bytes;
	struct frames f;
	size_t room; /* put fails behind so many bytes; 0: never */
};

static int put(void *ctx, const void *bytes, size_t n, struct firn_error *err)
{
	struct made *m = ctx;

	if (m->room && m->bytes.len + n > m->room)
		return firn_fail(err, FIRN_EFAIL, "no room");
	buf_put(&m->bytes, bytes, n);
	return buf_check(&m->bytes, err);
}

static void made_done(struct made *m)
{
	buf_done(&m->bytes);
	frames_done(&m->f);
}

static const size_t payloads[] = { 1,      255,    256,    4000,   4082,   4086,   4090,   4095,
				   4096,   4097,   8191,   8192,   8193,   12288,  131071, 131072,
				   131073, 135168, 139263, 139264, 139265, 262144, 270336, 400001 };

/* A header and a payload for each; every other one is noise. Returns the last error. */
static int write_all(struct frame_writer *w, struct buf *plain, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < 2 * ARRAY_SIZE(payloads); i++) {
		size_t at = plain->len;

		fill(plain, 4096 - at % 4096, false, (uint32_t)i);
		rc = frame_writer_write(w, plain->data + at, plain->len - at, err);
		at = plain->len;
		fill(plain, payloads[i / 2], i % 2, (uint32_t)i);
		if (rc == 0)
			rc = frame_writer_payload(w, payloads[i / 2], err);
		for (size_t n; rc == 0 && at < plain->len; at += n) {
			n = plain->len - at < 5555 ? plain->len - at : 5555;
			rc = frame_writer_write(w, plain->data + at, n, err);
		}
	}
	return rc;
}

static void make(int level, unsigned threads, struct made *m, struct buf *plain, struct digest *ret)
{
	_cleanup_(frame_pool_freep) struct frame_pool *pool = NULL;
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	_cleanup_(frame_writer_freep) struct frame_writer *w = NULL;
	struct firn_error err = { 0 };
	uint64_t end;

	ck_ok(frame_pool_new(level, threads, &pool, &err), err);
	ck_ok(hasher_new(DIGEST_SHA256, &h, &err), err);
	ck_ok(frame_writer_new(pool, 0, &m->f, put, m, &w, &err), err);
	ck_assert(frame_writer_hash(w, h));
	ck_ok(write_all(w, plain, &err), err);
	ck_assert(!frame_writer_hash(w, NULL));
	ck_ok(frame_writer_finish(w, &end, &err), err);
	ck_assert_uint_eq(end, m->bytes.len);
	ck_ok(hasher_final(h, ret, &err), err);
}

/* The list that the writer made is the one that the walk finds, and all bytes are there. */
static void check_made(const struct made *m, const struct buf *plain)
{
	_cleanup_(source_closep) struct source *mem = NULL, *src = NULL;
	_cleanup_(frames_done) struct frames f = FRAMES_INIT;
	_free_ uint8_t *got = malloc(plain->len);
	struct firn_error err = { 0 };

	ck_ok(walk(&m->bytes, &f, &err), err);
	ck_assert_uint_eq(f.n, m->f.n);
	ck_assert_uint_eq(f.end, m->f.end);
	ck_assert_mem_eq(f.list, m->f.list, f.n * sizeof(*f.list));
	ck_ok(source_from_mem(m->bytes.data, m->bytes.len, &mem, &err), err);
	ck_ok(frames_source(mem, &f, &src, &err), err);
	ck_assert_uint_eq(src->size, plain->len);
	ck_ok(source_read_at(src, got, plain->len, 0, &err), err);
	ck_assert_mem_eq(got, plain->data, plain->len);
}

static void check_payload(const struct made *m, const struct buf *plain, uint64_t at, uint64_t size)
{
	const uint64_t end = at + size;

	for (size_t i = frames_find(&m->f, at); at < end; i++) {
		const struct frame *f = &m->f.list[i];
		const uint32_t n = frames_content(&m->f, i);

		ck_assert_uint_eq(f->plain, at);
		if (f->stored && f->at % FRAME_BLOCK) {
			ck_assert_uint_le(n, FRAME_BLOCK);
			ck_assert_uint_eq((f->at + FRAME_STORED_AT) % FRAME_BLOCK, 0);
			ck_assert_mem_eq(m->bytes.data + f->at + FRAME_STORED_AT, plain->data + at,
					 n);
		} else {
			ck_assert_uint_eq(f->at % FRAME_BLOCK, 0);
			ck_assert(n > FRAME_BLOCK || f->packed <= FRAME_BLOCK);
		}
		at += n;
		ck_assert(at == end || n % FRAME_BLOCK == 0);
	}
	ck_assert_uint_eq(at, end);
}

START_TEST(aligned)
{
	_cleanup_(made_done) struct made m = { .room = 0 };
	_buf_ struct buf plain = BUF_INIT;
	struct digest d, want;
	struct firn_error err = { 0 };
	uint64_t at = 0;
	size_t stored = 0;

	make(3, 2, &m, &plain, &d);
	check_made(&m, &plain);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(payloads); i++) {
		at += 4096 - at % 4096;
		check_payload(&m, &plain, at, payloads[i / 2]);
		at += payloads[i / 2];
	}
	for (size_t i = 0; i < m.f.n; i++)
		stored += m.f.list[i].stored && m.f.list[i].at % FRAME_BLOCK;
	/* of 4086, 4090, 4095 and 4096 bytes of noise */
	ck_assert_uint_eq(stored, 4);
	ck_ok(digest_of(plain.data, plain.len, &want, &err), err);
	ck_assert(digest_equal(&d, &want));
}
END_TEST

/* Neither the number of threads nor what a thread packed before shows. */
START_TEST(same_by_any_threads)
{
	static const int levels[] = { 1, 3, 9, 19, 22 };
	static const unsigned threads[] = { 2, 3, 8, 16 };
	_cleanup_(made_done) struct made one = { .room = 0 };
	_buf_ struct buf plain = BUF_INIT;
	struct digest d, other;

	make(levels[_i], 1, &one, &plain, &d);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		_cleanup_(made_done) struct made m = { .room = 0 };
		_buf_ struct buf again = BUF_INIT;

		make(levels[_i], threads[i], &m, &again, &other);
		ck_assert_uint_eq(m.bytes.len, one.bytes.len);
		ck_assert_mem_eq(m.bytes.data, one.bytes.data, one.bytes.len);
		ck_assert(digest_equal(&d, &other));
	}
}
END_TEST

/* Two streams in turns, from one pool: each is what it is alone. */
START_TEST(in_turns)
{
	struct made m[2] = { { .room = 0 }, { .room = 0 } };
	_cleanup_(frame_pool_freep) struct frame_pool *pool = NULL;
	struct frame_writer *w[2];
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };
	uint64_t end;

	fill(&text, 700000, false, 3);
	ck_ok(frame_pool_new(1, 3, &pool, &err), err);
	for (int i = 0; i < 2; i++)
		ck_ok(frame_writer_new(pool, 0, &m[i].f, put, &m[i], &w[i], &err), err);
	for (size_t at = 0; at < text.len; at += 70000)
		for (int i = 0; i < 2; i++)
			ck_ok(frame_writer_write(w[i], text.data + at, 70000, &err), err);
	for (int i = 0; i < 2; i++) {
		ck_ok(frame_writer_finish(w[i], &end, &err), err);
		check_made(&m[i], &text);
		ck_assert_uint_gt(m[i].f.n, 4);
		frame_writer_free(w[i]);
		made_done(&m[i]);
	}
}
END_TEST

/* What a writer can't get rid of is its error, and the pool is good for others afterwards. */
START_TEST(no_room)
{
	_cleanup_(made_done) struct made full = { .room = 300000 }, m = { .room = 0 };
	_cleanup_(frame_pool_freep) struct frame_pool *pool = NULL;
	_buf_ struct buf plain = BUF_INIT, again = BUF_INIT;
	struct frame_writer *w = NULL;
	struct firn_error err = { 0 };
	uint64_t end;
	int rc;

	ck_ok(frame_pool_new(3, 2, &pool, &err), err);
	ck_ok(frame_writer_new(pool, 0, &full.f, put, &full, &w, &err), err);
	rc = write_all(w, &plain, &err);
	if (rc == 0)
		rc = frame_writer_finish(w, &end, &err);
	ck_assert_int_eq(rc, -FIRN_EFAIL);
	ck_assert_str_eq(err.msg, "no room");
	frame_writer_free(w);
	ck_ok(frame_writer_new(pool, 0, &m.f, put, &m, &w, &err), err);
	ck_ok(write_all(w, &again, &err), err);
	ck_ok(frame_writer_finish(w, &end, &err), err);
	check_made(&m, &again);
	frame_writer_free(w);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("frames");
	TCase *tc = tcase_create("frames");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, listed);
	tcase_add_test(tc, read_anywhere);
	tcase_add_test(tc, cut);
	tcase_add_loop_test(tc, bad, 0, ARRAY_SIZE(bad_cases));
	tcase_add_test(tc, lies);
	tcase_add_test(tc, aligned);
	tcase_add_loop_test(tc, same_by_any_threads, 0, 5);
	tcase_add_test(tc, in_turns);
	tcase_add_test(tc, no_room);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
