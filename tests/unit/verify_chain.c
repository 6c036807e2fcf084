/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dumps that build on each other: every page that one leaves to the other is there. */
#include "unit.h"

#include "criu_builder.h"
#include "verify_set.h"

/* The pagemap of process 1 in the dump @folder: its ranges, and as many pages as are present. */
static void put_dump(struct buf *tar, const char *folder, const char *parent,
		     const uint64_t (*ranges)[3], size_t n)
{
	_buf_ struct buf map = BUF_INIT, pages = BUF_INIT;
	char name[64];

	put_magic(&map, 0x56084025);
	RECORD(&map, 1);
	for (size_t i = 0; i < n; i++) {
		RECORD(&map, ranges[i][0], ranges[i][1], 0, ranges[i][2]);
		if (ranges[i][2] & 4)
			buf_fill(&pages, 0, ranges[i][1] * 4096);
	}
	snprintf(name, sizeof(name), "%s/pagemap-1.img", folder);
	put_member(tar, name, &map);
	snprintf(name, sizeof(name), "%s/pages-1.img", folder);
	put_member(tar, name, &pages);
	snprintf(name, sizeof(name), "%s/parent", folder);
	if (parent)
		MEMBER(tar, .name = name, .link = parent, .type = '2');
}

enum { PARENT = 1, PRESENT = 4 };

/* Of the tiny sample, whose process has an area of two pages at BASE. */
#define BASE 0x7fff00000000

static const struct chain {
	const char *name;
	uint64_t newest[3][3], oldest[3][3];
	const char *parent, *grandparent; /* links, NULL: none */
	const char *place, *code;         /* NULL: nothing is wrong */
} chains[] = {
	{ "all there",
	  { { BASE, 2, PARENT } },
	  { { BASE, 2, PRESENT } },
	  "../pre-checkpoint",
	  NULL,
	  NULL,
	  NULL },
	{ "in two pieces",
	  { { BASE, 2, PARENT } },
	  { { BASE, 1, PRESENT }, { BASE + 4096, 1, 4 } },
	  "../pre-checkpoint",
	  NULL,
	  NULL,
	  NULL },
	{ "one page isn't",
	  { { BASE, 2, PARENT } },
	  { { BASE, 1, PRESENT } },
	  "../pre-checkpoint",
	  NULL,
	  IMG "pagemap-1.img: entry 1",
	  "parent-page" },
	{ "the second isn't",
	  { { BASE, 1, PRESENT }, { BASE + 4096, 1, PARENT } },
	  { { BASE, 1, PRESENT } },
	  "../pre-checkpoint",
	  NULL,
	  IMG "pagemap-1.img: entry 2",
	  "parent-page" },
	{ "no link",
	  { { BASE, 2, PARENT } },
	  { { BASE, 2, PRESENT } },
	  NULL,
	  NULL,
	  "checkpoint",
	  "parent-missing" },
	{ "no dump",
	  { { BASE, 2, PARENT } },
	  { { BASE, 2, PRESENT } },
	  "../elsewhere",
	  NULL,
	  "checkpoint",
	  "parent-missing" },
	{ "nor the one before",
	  { { BASE, 2, PARENT } },
	  { { BASE, 2, PARENT } },
	  "../pre-checkpoint",
	  NULL,
	  "pre-checkpoint",
	  "parent-missing" },
	{ "a circle",
	  { { BASE, 2, PARENT } },
	  { { BASE, 2, PRESENT } },
	  "../pre-checkpoint",
	  "../checkpoint",
	  IMG "parent",
	  "parent-loop" },
};

/* Of the sample everything but the memory of process 1, in which one area is at BASE. */
static void make_chain(struct buf *tar, const struct sample *s, const struct chain *c)
{
	static const char *const replaced[] = { IMG "pagemap-1.img", IMG "pages-1.img",
						IMG "mm-1.img" };
	_buf_ struct buf mm = BUF_INIT, vma = BUF_INIT, record = BUF_INIT, all = BUF_INIT;
	const uint8_t *inventory;
	size_t len = 0, n = 0, at = 0;

	for (unsigned i = 1; i <= 12; i++)
		put_number(&record, i, 1);
	put_number(&vma, 1, BASE);
	put_number(&vma, 2, BASE + 2 * 4096);
	for (unsigned i = 3; i <= 8; i++)
		put_number(&vma, i, i == 7 ? 0x201 : 0);
	put_bytes(&record, 14, vma.data, vma.len);
	put_magic(&mm, 0x57492820);
	put_record(&mm, &record);
	make(&all, s, NULL);
	while (at < all.len) {
		const size_t size =
		    512 + (strtoul((char *)all.data + at + 124, NULL, 8) + 511) / 512 * 512;
		bool skip = false;

		for (size_t i = 0; i < ARRAY_SIZE(replaced); i++)
			skip |= strcmp((char *)all.data + at, replaced[i]) == 0;
		if (!skip)
			buf_put(tar, all.data + at, size);
		at += size;
	}
	put_member(tar, IMG "mm-1.img", &mm);
	for (n = 0; n < 3 && c->newest[n][1]; n++)
		;
	put_dump(tar, "checkpoint", c->parent, c->newest, n);
	for (n = 0; n < 3 && c->oldest[n][1]; n++)
		;
	put_dump(tar, "pre-checkpoint", c->grandparent, c->oldest, n);
	inventory = sample_member(s, IMG "inventory.img", &len);
	put_member(tar, "pre-checkpoint/inventory.img",
		   &(const struct buf){ .data = (uint8_t *)inventory, .len = len });
}

START_TEST(chain)
{
	const struct chain *c = &chains[_i];
	struct sample s = sample_open("containerd-cri-tiny.tar");
	_buf_ struct buf tar = BUF_INIT;
	struct fault want = { c->name, NULL, EDIT, NULL, FINDING_FAULT, c->place, c->code, NULL };
	struct findings *f;

	ck_assert_ptr_nonnull(s.bytes);
	make_chain(&tar, &s, c);
	build_end(&tar);
	f = verify(&tar, 0);
	if (c->code)
		expect_fault(f, &want);
	else
		expect_none(f, c->name);
	findings_free(f);
	free(s.bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("verify_chain");
	TCase *tc = tcase_create("verify_chain");

	tcase_add_loop_test(tc, chain, 0, ARRAY_SIZE(chains));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
