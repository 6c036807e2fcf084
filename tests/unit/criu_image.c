/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What images are by their names, and numbers in records that need no message of their own. */
#include "unit.h"

#include "criu_builder.h"
#include "format/criu_image.h"

#include <string.h>

static const struct name {
	const char *name;
	bool known;
	uint64_t number;
	enum criu_content content;
} names[] = {
	{ "inventory.img", true, 0, CRIU_ONE },
	{ "core-1.img", true, 1, CRIU_ONE },
	{ "core-4294967295.img", true, 4294967295, CRIU_ONE },
	{ "pagemap-7.img", true, 7, CRIU_PAGEMAP },
	{ "pagemap-shmem-18446744073709551615.img", true, UINT64_MAX, CRIU_PAGEMAP },
	{ "pages-3.img", true, 3, CRIU_RAW },
	{ "ghost-file-1f.img", true, 0x1f, CRIU_ONE },
	{ "tcp-stream-abc.img", true, 0xabc, CRIU_ONE },
	{ "tmpfs-dev-76.tar.gz.img", true, 76, CRIU_RAW },
	{ "tmpfs-9.tar.gz.img", true, 9, CRIU_RAW },
	{ "timens-0.img", true, 0, CRIU_ONE },
	{ "stats-dump", true, 0, CRIU_ONE },
	{ "core-.img", false, 0, CRIU_RAW },
	{ "core-01.img", false, 0, CRIU_RAW },
	{ "core-1f.img", false, 0, CRIU_RAW },
	{ "core--1.img", false, 0, CRIU_RAW },
	{ "core-1.imgx", false, 0, CRIU_RAW },
	{ "core-18446744073709551616.img", false, 0, CRIU_RAW },
	{ "ghost-file-1F.img", false, 0, CRIU_RAW },
	{ "dump.log", false, 0, CRIU_RAW },
	{ "", false, 0, CRIU_RAW },
};

START_TEST(kinds)
{
	const struct name *n = &names[_i];
	uint64_t number = 99;
	const struct criu_kind *k = criu_kind_of(n->name, &number);

	ck_assert_msg((k != NULL) == n->known, "%s", n->name);
	ck_assert_uint_eq(number, n->known ? n->number : 99);
	if (k)
		ck_assert_int_eq(k->content, n->content);
}
END_TEST

static struct cursor whole(const struct buf *b)
{
	return (struct cursor){ b->data, b->len };
}

START_TEST(numbers)
{
	_buf_ struct buf b = BUF_INIT, in = BUF_INIT;
	uint64_t v = 0;

	put_number(&in, 2, 5);
	put_number(&in, 2, 300);
	put_bytes(&b, 3, in.data, in.len);
	put_number(&b, 1, UINT64_MAX);
	ck_assert_int_eq(criu_number(whole(&b), CRIU_PATH(3, 2), &v), 1);
	ck_assert_uint_eq(v, 300); /* the last one counts */
	ck_assert_int_eq(criu_number(whole(&b), CRIU_PATH(1), &v), 1);
	ck_assert_uint_eq(v, UINT64_MAX);
	/* A message is no number, a number has no members, and what is cut off isn't there. */
	ck_assert_int_eq(criu_number(whole(&b), CRIU_PATH(3), &v), 0);
	ck_assert_int_eq(criu_number(whole(&b), CRIU_PATH(1, 1), &v), 0);
	ck_assert_int_eq(criu_number(whole(&b), CRIU_PATH(4), &v), 0);
	b.len--;
	v = 7;
	ck_assert_int_eq(criu_number(whole(&b), CRIU_PATH(1), &v), 0);
	ck_assert_uint_eq(v, 7);
}
END_TEST

/* One by one, packed, and both in turn. */
START_TEST(repeated)
{
	static const uint64_t want[] = { 1, 300, 70000, 4 };
	_buf_ struct buf b = BUF_INIT, packed = BUF_INIT;
	struct cursor c, rest = { NULL, 0 };
	uint64_t v;
	size_t n = 0;

	put_number(&b, 5, 1);
	put_varint(&packed, 300);
	put_varint(&packed, 70000);
	put_bytes(&b, 5, packed.data, packed.len);
	put_number(&b, 6, 9);
	put_number(&b, 5, 4);
	c = whole(&b);
	while (criu_next_number(&c, &rest, 5, &v)) {
		ck_assert_uint_lt(n, ARRAY_SIZE(want));
		ck_assert_uint_eq(v, want[n++]);
	}
	ck_assert_uint_eq(n, ARRAY_SIZE(want));
}
END_TEST

static const struct flawed {
	enum criu_schema schema;
	unsigned member;   /* that it has as a number */
	const char *flaw;  /* NULL: none */
	const char *bytes; /* behind it */
	size_t len;
} flawed[] = {
	{ CRIU_SCHEMA_pagemap_head, 1, NULL, "", 0 },
	{ CRIU_SCHEMA_pagemap_head, 2, "pagemap_head: member 1 is missing", "", 0 },
	{ CRIU_SCHEMA_pagemap_head, 1, "pagemap_head: is no message", "\x0f", 1 },
	{ CRIU_SCHEMA_pagemap_head, 1, "pagemap_head: member 1 is of another kind", "\x0a\0", 2 },
	/* A later CRIU's members are fine, whatever they are. */
	{ CRIU_SCHEMA_pagemap_head, 1, NULL, "\xfa\x07\1x", 4 },
	{ CRIU_SCHEMA_pagemap_head, 1, NULL, "\xd8\xff\xff\xff\x0f\1", 6 },
	{ CRIU_SCHEMA_any, 1, NULL, "\x0a\1x", 3 },
	{ CRIU_SCHEMA_core, 1, "core.task_core: member 1 is missing", "\x1a\0", 2 },
	{ CRIU_SCHEMA_core, 1, "core.task_core: is no message", "\x1a\1\xff", 3 },
	/* Of a repeated number either form will do. */
	{ CRIU_SCHEMA_cpuinfo_s390, 2, NULL, "\x12\2\1\2", 4 },
};

START_TEST(schema)
{
	const struct flawed *f = &flawed[_i];
	_buf_ struct buf b = BUF_INIT;
	char flaw[CRIU_FLAW_MAX] = "";
	int rc;

	put_number(&b, f->member, 1);
	buf_put(&b, f->bytes, f->len);
	rc = criu_schema_check(f->schema, whole(&b), flaw);
	ck_assert_int_eq(rc, f->flaw ? -1 : 0);
	if (f->flaw)
		ck_assert_str_eq(flaw, f->flaw);
}
END_TEST

START_TEST(nested)
{
	_buf_ struct buf b = BUF_INIT;
	char flaw[CRIU_FLAW_MAX];

	put_bytes(&b, 1, "x", 1);
	for (int i = 0; i < 100; i++) {
		_buf_ struct buf outer = BUF_INIT;

		put_bytes(&outer, 1, "x", 1);
		put_bytes(&outer, 2, b.data, b.len);
		buf_reset(&b);
		buf_put(&b, outer.data, outer.len);
	}
	ck_assert_int_eq(criu_schema_check(CRIU_SCHEMA_cgroup_dir, whole(&b), flaw), -1);
	ck_assert_ptr_nonnull(strstr(flaw, "too many messages in each other"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("criu_image");
	TCase *tc = tcase_create("criu_image");

	tcase_add_loop_test(tc, kinds, 0, ARRAY_SIZE(names));
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, repeated);
	tcase_add_loop_test(tc, schema, 0, ARRAY_SIZE(flawed));
	tcase_add_test(tc, nested);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
