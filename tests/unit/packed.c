/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/packed.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "format/erofs.h"
#include "layer_work.h"
#include "pack_plain.h"
#include "unit.h"

#include <string.h>

static int check_packed(const struct buf *b, struct tree **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;

	ck_ok(source_from_mem(b->data, b->len, &src, err), *err);
	return packed_check(src, ret, err);
}

/* The sample of all layer tests, plain and compressed. */
static void make(struct work *w, int level, bool large, struct buf *ret)
{
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };

	build_sample(w);
	ck_ok(source_from_mem(w->blob.data, w->blob.len, &src, &err), err);
	ck_ok(pack_plain(src, level, 2, large, ret, &err), err);
	ck_assert_uint_eq(ret->len % LAYER_BLOCK, 0);
}

/* What everybody else sees: the plain layer. 0 when that is not what it unpacks to. */
static int unpack(const struct buf *packed, char **ret, size_t *ret_len, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	struct istream *mem = NULL;

	ck_ok(istream_from_mem(packed->data, packed->len, &mem, err), *err);
	ck_ok(codec_reader(CODEC_ZSTD, mem, 0, &in, err), *err);
	return istream_read_all(in, 1 << 20, ret, ret_len, err);
}

static const struct {
	int level;
	bool large;
} forms[] = { { 1, false }, { 3, true }, { 19, false }, { 22, true } };

START_TEST(is_ours)
{
	_work_ struct work w = { 0 };
	_buf_ struct buf packed = BUF_INIT;
	_cleanup_(tree_freep) struct tree *t = NULL;
	_free_ char *plain = NULL;
	struct firn_error err = { 0 };
	size_t len;

	make(&w, forms[_i].level, forms[_i].large, &packed);
	ck_assert_int_eq(check_packed(&packed, NULL, &err), LAYER_OURS);
	ck_assert_int_eq(check_packed(&packed, &t, &err), LAYER_OURS);
	ck_assert_uint_eq(t->count, SAMPLE_COUNT);
	ck_assert_uint_eq(tree_find(t, "odd")->offset, layer_find(w.l, "odd")->offset);
	ck_ok(unpack(&packed, &plain, &len, &err), err);
	ck_assert_uint_eq(len, w.blob.len);
	ck_assert_mem_eq(plain, w.blob.data, len);
}
END_TEST

static bool in_payload(const struct layer *l, uint64_t at)
{
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		const struct node *n = layer_find(l, sample[i].path);

		if (n->size && at >= n->offset && at < n->offset + n->size)
			return true;
	}
	return false;
}

/* A changed blob that still passes shows the same members to those who unpack it. */
static void check_changed(const struct work *w, const struct buf *packed, size_t at)
{
	_free_ char *plain = NULL;
	struct firn_error err = { 0 };
	size_t len;

	if (check_packed(packed, NULL, &err) != LAYER_OURS ||
	    unpack(packed, &plain, &len, &err) < 0)
		return;
	ck_assert_uint_eq(len, w->blob.len);
	/* An assertion for each would take the time of the whole test. */
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)plain[i] != w->blob.data[i] && !in_payload(w->l, i))
			ck_abort_msg("byte %zu changes byte %zu", at, i);
}

/* Every byte of the index counts, and of the frames of headers. */
START_TEST(every_byte)
{
	_work_ struct work w = { 0 };
	_buf_ struct buf packed = BUF_INIT;
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(frames_done) struct frames f = FRAMES_INIT;
	struct firn_error err = { 0 };

	make(&w, 3, false, &packed);
	ck_ok(source_from_mem(packed.data, packed.len, &src, &err), err);
	ck_ok(frames_walk(src, &f, &err), err);
	for (size_t at = 0; at < packed.len; at++) {
		const bool index = at < PACKED_SUPER_BYTES || at >= f.end;
		int rc;

		if (at % 23 && (!index || packed.data[at] == packed.data[at - 1]))
			continue;
		packed.data[at] ^= (uint8_t)(1 << at % 8);
		rc = check_packed(&packed, NULL, &err);
		ck_assert_msg(rc >= 0, "byte %zu: %s", at, err.msg);
		if (index)
			ck_assert_msg(rc != LAYER_OURS, "byte %zu", at);
		else
			check_changed(&w, &packed, at);
		packed.data[at] ^= (uint8_t)(1 << at % 8);
	}
	ck_assert_int_eq(check_packed(&packed, NULL, &err), LAYER_OURS);
}
END_TEST

/* An index that is well made, of other members: a name, a mode and a content have changed. */
START_TEST(index_of_others)
{
	_work_ struct work w = { 0 }, other = { 0 };
	_buf_ struct buf packed = BUF_INIT, forged = BUF_INIT, mixed = BUF_INIT;
	_cleanup_(source_closep) struct source *src = NULL, *plain = NULL;
	_cleanup_(frames_done) struct frames f = FRAMES_INIT;
	struct firn_error err = { 0 };

	make(&w, 3, false, &packed);
	begin(&other);
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct layer_entry e = sample[i];

		if (strcmp(e.path, "empty") == 0)
			e.mode = S_IFREG | 04777;
		add(&other, &e);
	}
	set_opaque(&other, "late");
	finish(&other);
	ck_ok(source_from_mem(other.blob.data, other.blob.len, &plain, &err), err);
	ck_ok(pack_plain(plain, 3, 1, false, &forged, &err), err);
	ck_assert_int_eq(check_packed(&forged, NULL, &err), LAYER_OURS);
	ck_ok(source_from_mem(packed.data, packed.len, &src, &err), err);
	ck_ok(frames_walk(src, &f, &err), err);
	/* the one's frames between the other's index */
	ck_assert_uint_eq(forged.len, packed.len);
	buf_put(&mixed, forged.data, PACKED_SUPER_BYTES);
	buf_put(&mixed, packed.data + PACKED_SUPER_BYTES, (size_t)f.end - PACKED_SUPER_BYTES);
	buf_put(&mixed, forged.data + f.end, forged.len - (size_t)f.end);
	ck_assert_int_eq(check_packed(&mixed, NULL, &err), LAYER_FORGED);
}
END_TEST

/* The same content in other frames, which the index doesn't know, or cut anywhere. */
START_TEST(other_frames)
{
	_work_ struct work w = { 0 };
	_buf_ struct buf packed = BUF_INIT, more = BUF_INIT;
	struct firn_error err = { 0 };

	make(&w, 3, true, &packed);
	buf_put(&more, packed.data, packed.len);
	buf_put(&more, "\x28\xb5\x2f\xfd\x20\0\1\0\0", 9);
	ck_assert_int_eq(check_packed(&more, NULL, &err), LAYER_FORGED);
	for (size_t n = packed.len - 1; n > 0; n = n * 15 / 16) {
		struct buf part = { .data = packed.data, .len = n };
		int rc = check_packed(&part, NULL, &err);

		ck_assert_msg(rc == LAYER_FORGED || (rc == LAYER_FOREIGN && n <= LAYER_BLOCK),
			      "%zu bytes: %d", n, rc);
	}
	ck_assert_int_eq(check_packed(&w.blob, NULL, &err), LAYER_FOREIGN);
}
END_TEST

/* Only frames with headers are unpacked to prove an index. */
struct counting {
	struct source base;
	const struct buf *bytes;
	uint64_t read;
};

static ssize_t counting_read(struct source *src, void *to, size_t n, uint64_t at,
			     struct firn_error *err)
{
	struct counting *c = (struct counting *)src;

	(void)err;
	if (at >= c->bytes->len)
		return 0;
	if (n > c->bytes->len - at)
		n = (size_t)(c->bytes->len - at);
	memcpy(to, c->bytes->data + at, n);
	c->read += n;
	return (ssize_t)n;
}

static void counting_close(struct source *src)
{
	(void)src;
}

START_TEST(headers_alone)
{
	static const struct source_ops ops = { counting_read, counting_close };
	const struct layer_entry root = { .path = "", .mode = S_IFDIR | 0755 };
	const struct layer_entry big = { .path = "big", .mode = S_IFREG, .size = 6 << 20 };
	_work_ struct work w = { 0 };
	_buf_ struct buf packed = BUF_INIT;
	_cleanup_(source_closep) struct source *plain = NULL;
	struct counting c = { .base.ops = &ops, .bytes = &packed };
	struct firn_error err = { 0 };
	uint32_t seed = 5;

	begin(&w);
	add(&w, &root);
	add(&w, &big);
	finish(&w);
	for (size_t i = layer_find(w.l, "big")->offset, n = i + (6 << 20); i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		w.blob.data[i] = (uint8_t)(seed >> 24);
	}
	ck_ok(source_from_mem(w.blob.data, w.blob.len, &plain, &err), err);
	ck_ok(pack_plain(plain, 1, 2, true, &packed, &err), err);
	ck_assert_uint_gt(packed.len, 6 << 20);
	c.base.size = packed.len;
	ck_assert_int_eq(packed_check(&c.base, NULL, &err), LAYER_OURS);
	ck_assert_uint_lt(c.read, 512 << 10);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("packed");
	TCase *tc = tcase_create("packed");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, is_ours, 0, ARRAY_SIZE(forms));
	tcase_add_test(tc, every_byte);
	tcase_add_test(tc, index_of_others);
	tcase_add_test(tc, other_frames);
	tcase_add_test(tc, headers_alone);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
