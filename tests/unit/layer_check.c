/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/fd.h"
#include "format/erofs.h"
#include "layer_work.h"

#include <stdio.h>
#include <string.h>

START_TEST(is_ours)
{
	_work_ struct work w = { 0 };
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	const struct node *n;

	build_sample(&w);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, NULL, &err), LAYER_OURS);
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, &t, &err), LAYER_OURS);
	ck_assert_uint_eq(t->count, SAMPLE_COUNT);
	n = tree_find(t, "odd");
	ck_assert_uint_eq(n->offset, layer_find(w.l, "odd")->offset);
	ck_assert_uint_eq(w.blob.data[n->offset + 9998], payload_byte("odd", 9998));
	ck_assert(tree_find(t, "d/gone")->whiteout);
	ck_assert(tree_find(t, "late")->opaque);
}
END_TEST

/* Is [@at, @at + 1) a payload byte of the layer? Those are never looked at. */
static bool in_payload(const struct layer *l, uint64_t at)
{
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		const struct node *n = layer_find(l, sample[i].path);

		if (n->size && at >= n->offset && at < n->offset + n->size)
			return true;
	}
	return false;
}

/* Every byte outside of the payloads counts. */
START_TEST(forged)
{
	_work_ struct work w = { 0 };
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };

	build_sample(&w);
	ck_ok(source_from_mem(w.blob.data, w.blob.len, &src, &err), err);
	for (size_t at = 0; at < w.blob.len; at++) {
		bool payload = in_payload(w.l, at);
		int rc;

		if (payload && at % 9973)
			continue;
		/* fillings, and names of many equal bytes */
		if (!payload && at % 251 && w.blob.data[at] == w.blob.data[at - 1])
			continue;
		w.blob.data[at] ^= (uint8_t)(1 << at % 8);
		rc = layer_check(src, NULL, &err);
		w.blob.data[at] ^= (uint8_t)(1 << at % 8);
		if (payload)
			ck_assert_msg(rc == LAYER_OURS, "payload byte %zu: %d", at, rc);
		else if (at >= EROFS_SUPER_AT && at < EROFS_SUPER_AT + 4)
			ck_assert_msg(rc == LAYER_FOREIGN, "byte %zu: %d", at, rc);
		else
			ck_assert_msg(rc == LAYER_FORGED, "byte %zu: %d", at, rc);
	}
}
END_TEST

/* What is wrong with the tar itself shows when somebody asks for its tree. */
START_TEST(cut)
{
	_work_ struct work w = { 0 };
	struct firn_error err = { 0 };

	build_sample(&w);
	for (size_t n = 0; n < w.blob.len; n += 512) {
		_cleanup_(tree_freep) struct tree *t = NULL;
		int rc = check_bytes(w.blob.data, n, NULL, &err);

		ck_assert_int_eq(rc, n <= EROFS_SUPER_AT ? LAYER_FOREIGN : LAYER_FORGED);
		rc = check_bytes(w.blob.data, n, &t, &err);
		if (n + LAYER_BLOCK + 512 < w.blob.len)
			ck_assert_int_eq(rc, -FIRN_ECORRUPT);
		ck_assert_int_eq(rc >= 0, t != NULL);
	}
}
END_TEST

/* The forged layer's tree is that of its tar. */
START_TEST(forged_tree)
{
	_work_ struct work w = { 0 };
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };

	build_sample(&w);
	w.blob.data[EROFS_SUPER_AT + 200] ^= 0x40;
	ck_assert_int_eq(check_bytes(w.blob.data, w.blob.len, &t, &err), LAYER_FORGED);
	ck_assert_uint_eq(t->count, SAMPLE_COUNT);
	ck_assert_uint_eq(tree_find(t, "odd")->size, 9999);
}
END_TEST

/* A tar of one file, as anybody writes it. */
START_TEST(foreign)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	uint8_t tar[4 * 512] = "file";
	unsigned sum = 0;

	memcpy(tar + 100, "0000644\0000000000\0000000000\00000000000003\00000000000000\0        0",
	       57);
	memcpy(tar + 257, "ustar\00000", 8);
	for (int i = 0; i < 512; i++)
		sum += tar[i];
	snprintf((char *)tar + 148, 8, "%06o", sum);
	memcpy(tar + 512, "abc", 3);
	ck_assert_int_eq(check_bytes(tar, sizeof(tar), &t, &err), LAYER_FOREIGN);
	ck_assert_uint_eq(tree_find(t, "file")->size, 3);
	ck_assert_uint_eq(tree_find(t, "file")->offset, 512);
}
END_TEST

/* A blob with a payload of terabytes, of which only the ends are there. */
struct sparse {
	struct source src;
	const struct buf *front, *back;
	uint64_t reads;
};

static ssize_t sparse_pread(struct source *src, void *buf, size_t n, uint64_t at,
			    struct firn_error *err)
{
	struct sparse *s = (struct sparse *)src;
	const uint64_t back = src->size - s->back->len;

	(void)err;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	s->reads += n;
	for (size_t i = 0; i < n; i++) {
		uint64_t pos = at + i;
		uint8_t byte = 0;

		if (pos < s->front->len)
			byte = s->front->data[pos];
		else if (pos >= back)
			byte = s->back->data[pos - back];
		((uint8_t *)buf)[i] = byte;
	}
	return (ssize_t)n;
}

static void sparse_close(struct source *src)
{
	(void)src;
}

START_TEST(headers_only)
{
	static const struct source_ops ops = { sparse_pread, sparse_close };
	static const uint64_t sizes[] = { 1, (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33,
					  (UINT64_C(5) << 40) + 1 };
	_work_ struct work w = { 0 };
	_buf_ struct buf out = BUF_INIT, tail = BUF_INIT, head = BUF_INIT;
	const struct layer_entry e = { .path = "pages", .mode = S_IFREG, .size = sizes[_i] };
	struct firn_error err = { 0 };
	struct sparse s = { .src.ops = &ops, .front = &w.blob, .back = &tail };

	begin(&w);
	ck_ok(layer_add(w.l, &e, &out, &err), err);
	buf_put(&w.blob, out.data, out.len);
	ck_ok(layer_finish(w.l, &tail, &head, &err), err);
	memcpy(w.blob.data, head.data, head.len);
	s.src.size = w.blob.len + e.size + tail.len;
	ck_assert_uint_eq(s.src.size % LAYER_BLOCK, 0);
	ck_assert_int_eq(layer_check(&s.src, NULL, &err), LAYER_OURS);
	ck_assert_uint_lt(s.reads, 1 << 20);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("layer_check");
	TCase *tc = tcase_create("layer_check");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, is_ours);
	tcase_add_test(tc, forged);
	tcase_add_test(tc, cut);
	tcase_add_test(tc, forged_tree);
	tcase_add_test(tc, foreign);
	tcase_add_loop_test(tc, headers_only, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
