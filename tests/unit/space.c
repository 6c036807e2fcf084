/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Address spaces: runs of pages out of areas, pagemaps and the dumps before. */
#include "unit.h"

#include "bytes/codec.h"
#include "dumping.h"
#include "memory/chain.h"
#include "memory/look.h"
#include "memory/pattern.h"
#include "memory/space.h"

#define ANON   (CRIU_AREA_REGULAR | CRIU_AREA_ANON_PRIVATE)
#define SHARED (CRIU_AREA_REGULAR | CRIU_AREA_ANON_SHARED)
#define FILED  (CRIU_AREA_REGULAR | CRIU_AREA_FILE_PRIVATE)

static const struct dump_area areas[] = {
	{ .start = 0x10000, .end = 0x18000, .status = ANON },
	{ .start = 0x18000, .end = 0x1c000, .status = SHARED, .backing = 77, .offset = 0x1000 },
	{ .start = 0x20000, .end = 0x24000, .status = FILED, .backing = 5, .offset = 0x3000 },
	{ .start = 0x24000, .end = 0x26000, .status = SHARED, .backing = 77 },
	{ .start = 0x26000, .end = 0x28000, .status = SHARED, .backing = 78 },
	{ .start = 0x30000, .end = 0x32000, .status = CRIU_AREA_REGULAR | CRIU_AREA_VVAR },
	{ .start = 0xffffffffff600000, .end = 0xffffffffff601000, .status = CRIU_AREA_VSYSCALL },
};

static const struct dump_range newest[] = {
	{ 0x10000, 2, 4 }, { 0x12000, 3, 1 }, { 0x15000, 1, 0 },
	{ 0x17000, 1, 6 }, { 0x21000, 2, 4 }, { 0x23000, 1, 2 },
};
static const struct dump_range older[] = { { 0x0f000, 3, 4 }, { 0x13000, 4, 4 } };
static const struct dump_range seg77[] = { { 0x0000, 2, 4 }, { 0x3000, 1, 4 } };

static struct buf tar;

static void make(void)
{
	dump_process(&tar, 9, areas, ARRAY_SIZE(areas));
	dump_pagemap(&tar, "checkpoint/pagemap-9.img", 1, newest, ARRAY_SIZE(newest));
	dump_pages(&tar, "checkpoint/pages-1.img", "new", 5);
	dump_pagemap(&tar, "checkpoint/pagemap-shmem-77.img", 2, seg77, ARRAY_SIZE(seg77));
	dump_pages(&tar, "checkpoint/pages-2.img", "shm", 3);
	MEMBER(&tar, .name = "checkpoint/parent", .type = '2', .link = "../before");
	dump_pagemap(&tar, "before/pagemap-9.img", 1, older, ARRAY_SIZE(older));
	dump_pages(&tar, "before/pages-1.img", "old", 7);
}

static void unmake(void)
{
	buf_done(&tar);
	tar = (struct buf)BUF_INIT;
}

static int tell(const struct space_run *run, void *ctx, struct firn_error *err)
{
	static const char *const words[] = { "present", "zero", "empty", "file",
					     "lazy",    "lost", "unread" };

	(void)err;
	buf_printf(ctx, "%llx+%llu %s %zu", (unsigned long long)run->address,
		   (unsigned long long)run->pages, words[run->where], run->area);
	if (run->where == SPACE_PRESENT)
		buf_printf(ctx, " %s@%llx %u", run->path, (unsigned long long)run->offset,
			   run->dump);
	buf_puts(ctx, "\n");
	return 0;
}

static const char runs[] = "10000+2 present 0 checkpoint/pages-1.img@0 0\n"
			   "12000+1 lost 0\n" /* the older one has only 0xf to 0x12 and 0x13 on */
			   "13000+2 present 0 before/pages-1.img@3000 1\n"
			   "15000+1 zero 0\n"
			   "16000+1 empty 0\n"
			   "17000+1 present 0 checkpoint/pages-1.img@2000 0\n"
			   "18000+1 present 1 checkpoint/pages-2.img@1000 0\n"
			   "19000+1 empty 1\n"
			   "1a000+1 present 1 checkpoint/pages-2.img@2000 0\n"
			   "1b000+1 empty 1\n"
			   "20000+1 file 2\n"
			   "21000+2 present 2 checkpoint/pages-1.img@3000 0\n"
			   "23000+1 lazy 2\n"
			   "24000+2 present 3 checkpoint/pages-2.img@0 0\n"
			   "26000+2 lost 4\n" /* its pagemap isn't there */
			   "30000+2 lost 5\n"
			   "ffffffffff600000+1 lost 6\n";

START_TEST(test_runs)
{
	_cleanup_(members_closep) struct members *m = dump_open(&tar);
	_cleanup_(space_closep) struct space *s = NULL;
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };

	ck_assert_int_eq(space_open(m, 9, &s, &err), 1);
	ck_assert_uint_eq(space_page_bytes(s), 4096);
	ck_ok(space_each(s, tell, &text, &err), err);
	ck_assert_str_eq((char *)text.data, runs);
	/* Once more, and with the runs of every single page: pagemaps are read again for it. */
	buf_reset(&text);
	ck_ok(space_each(s, tell, &text, &err), err);
	ck_assert_str_eq((char *)text.data, runs);
}
END_TEST

/* Areas from the end of a segment to its beginning: read from the beginning for each. */
START_TEST(test_too_often)
{
	static struct dump_area backwards[64];
	static struct dump_range ranges[128];
	_cleanup_(members_closep) struct members *m = NULL;
	_cleanup_(space_closep) struct space *s = NULL;
	_buf_ struct buf archive = BUF_INIT, text = BUF_INIT;
	struct firn_error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(backwards); i++)
		backwards[i] = (struct dump_area){ .start = 0x100000 + 0x2000 * i,
						   .end = 0x101000 + 0x2000 * i,
						   .status = SHARED,
						   .backing = 77,
						   .offset = 0x2000 * (127 - i) };
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct dump_range){ 0x2000 * i, 1, 4 };
	dump_process(&archive, 9, backwards, ARRAY_SIZE(backwards));
	dump_pagemap(&archive, "checkpoint/pagemap-shmem-77.img", 2, ranges, ARRAY_SIZE(ranges));
	m = dump_open(&archive);
	ck_assert_int_eq(space_open(m, 9, &s, &err), 1);
	ck_ok(space_each(s, tell, &text, &err), err);
	ck_assert_uint_gt(*members_ranges(m), 64 * 64);
	*members_ranges(m) = CHAIN_RANGES_MAX - 64;
	ck_assert_int_eq(space_each(s, tell, &text, &err), -FIRN_ELIMIT);
	ck_assert(strstr(err.msg, "too often"));
}
END_TEST

/* What is at @address, by the table above alone. */
static void expect(uint64_t address, char ret[16])
{
	static const struct {
		uint64_t address, pages;
		const char *mark;
		unsigned first;
	} there[] = {
		{ 0x10000, 2, "new", 0 }, { 0x13000, 2, "old", 3 }, { 0x15000, 2, NULL, 0 },
		{ 0x17000, 1, "new", 2 }, { 0x18000, 1, "shm", 1 }, { 0x19000, 1, NULL, 0 },
		{ 0x1a000, 1, "shm", 2 }, { 0x1b000, 1, NULL, 0 },  { 0x21000, 2, "new", 3 },
		{ 0x24000, 2, "shm", 0 },
	};

	strcpy(ret, "-");
	for (size_t i = 0; i < ARRAY_SIZE(there); i++) {
		const uint64_t page = (address - there[i].address) / 4096;

		if (address < there[i].address || page >= there[i].pages)
			continue;
		if (there[i].mark)
			snprintf(ret, 16, "%s%03u.", there[i].mark,
				 there[i].first + (unsigned)page);
		else
			*ret = '\0';
	}
}

/* Forward, backward, and jumping about. */
START_TEST(test_read)
{
	_cleanup_(members_closep) struct members *m = dump_open(&tar);
	_cleanup_(space_closep) struct space *s = NULL;
	struct firn_error err = { 0 };
	const unsigned steps[] = { 1, 0x2f, 7 }, pages = 0x30;

	ck_assert_int_eq(space_open(m, 9, &s, &err), 1);
	for (unsigned i = 0; i < pages; i++) {
		const uint64_t at = 0x0f000 + (uint64_t)(i * steps[_i] % pages) * 4096;
		char want[16], got[8] = "";
		size_t there = 0;

		expect(at, want);
		ck_ok(space_read(s, at, got, 7, &there, &err), err);
		ck_assert_uint_eq(there, *want == '-' ? 0 : 7);
		if (there)
			ck_assert_str_eq(got, want);
	}
}
END_TEST

START_TEST(test_read_across)
{
	static const struct {
		uint64_t address;
		size_t n, there;
	} cases[] = {
		{ 0x10ff0, 0x20, 0x20 },
		{ 0x11fff, 2, 1 },
		{ 0x12fff, 2, 0 },
		{ 0x13000, 0x20000, 0x9000 },
		{ 0x1bffe, 8, 2 },
		{ 0x22800, 0x1000, 0x800 },
		{ 0x24000, 0x3000, 0x2000 },
		{ 0xffffffffffffffff, 1, 0 },
		{ 0, 1, 0 },
	};
	_cleanup_(members_closep) struct members *m = dump_open(&tar);
	_cleanup_(space_closep) struct space *s = NULL;
	_free_ char *to = calloc(1, 0x20000);
	struct firn_error err = { 0 };
	size_t there = 99;

	ck_assert_int_eq(space_open(m, 9, &s, &err), 1);
	ck_ok(space_read(s, cases[_i].address, to, cases[_i].n, &there, &err), err);
	ck_assert_uint_eq(there, cases[_i].there);
}
END_TEST

/* The archive, compressed. */
static void pack(enum codec codec, struct buf *ret)
{
	struct firn_error err = { 0 };
	struct sink *out = NULL, *packed = NULL;

	ck_ok(sink_from_buf(ret, &out, &err), err);
	ck_ok(codec_writer(codec, out, &packed, &err), err);
	ck_ok(sink_write(packed, tar.data, tar.len, &err), err);
	ck_ok(sink_finish(packed, &err), err);
	sink_close(packed);
	sink_close(out);
}

/* Page for page the same out of a compressed archive, unpacked at once or for each of them. */
START_TEST(test_packed)
{
	static const enum codec codecs[] = { CODEC_GZIP, CODEC_ZSTD };
	_buf_ struct buf archive = BUF_INIT, text = BUF_INIT;
	_cleanup_(members_closep) struct members *m = NULL;
	_cleanup_(space_closep) struct space *s = NULL;
	struct firn_error err = { 0 };

	build_end(&tar);
	pack(codecs[_i / 2], &archive);
	m = dump_members(&archive);
	ck_assert_int_eq(space_open(m, 9, &s, &err), 1);
	if (_i & 1)
		ck_ok(space_unpack(s, &err), err);
	ck_ok(space_each(s, tell, &text, &err), err);
	ck_assert_str_eq((char *)text.data, runs);
	for (uint64_t at = 0x0f000; at < 0x30000; at += 4096) {
		char want[16], got[8] = "";
		size_t there = 0;

		expect(at, want);
		ck_ok(space_read(s, at, got, 7, &there, &err), err);
		ck_assert_uint_eq(there, *want == '-' ? 0 : 7);
		if (there)
			ck_assert_str_eq(got, want);
	}
}
END_TEST

/* files.img: file 3 is memfd 1, file 4 memfd 2, file 5 none. memfd.img: 1 has segment 77. */
static void put_memfds(struct buf *archive)
{
	static const uint32_t files[][2] = { { 3, 1 }, { 4, 2 } };
	_buf_ struct buf image = BUF_INIT, m = BUF_INIT, inner = BUF_INIT;

	dump_begin(&image, DUMP_FILES);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		dump_number(&m, 1, 18);
		dump_number(&m, 2, files[i][0]);
		dump_number(&inner, 5, files[i][1]);
		dump_message(&m, 20, &inner);
		buf_reset(&inner);
		dump_record(&image, &m);
	}
	dump_file(archive, "checkpoint/files.img", &image);
	buf_reset(&image);
	dump_begin(&image, DUMP_MEMFD);
	dump_number(&m, 5, 77);
	dump_number(&m, 7, 1);
	dump_record(&image, &m);
	dump_file(archive, "checkpoint/memfd.img", &image);
}

/* What is shared without a file is a memfd to newer CRIUs; a private copy has its own pages first.
 */
START_TEST(test_memfd)
{
	static const uint32_t shared = CRIU_AREA_REGULAR | CRIU_AREA_FILE_SHARED | CRIU_AREA_MEMFD;
	static const uint32_t copy = CRIU_AREA_REGULAR | CRIU_AREA_FILE_PRIVATE | CRIU_AREA_MEMFD;
	static const struct dump_area mapped[] = {
		{ .start = 0x10000, .end = 0x14000, .status = shared, .backing = 3 },
		{ .start = 0x14000, .end = 0x16000, .status = shared, .backing = 4 },
		{ .start = 0x16000, .end = 0x18000, .status = shared, .backing = 5 },
		{ .start = 0x20000, .end = 0x24000, .status = copy, .backing = 3 },
	};
	static const struct dump_range own[] = { { 0x21000, 1, 4 } };
	static const char want[] = "10000+2 present 0 checkpoint/pages-2.img@0 0\n"
				   "12000+1 empty 0\n"
				   "13000+1 present 0 checkpoint/pages-2.img@2000 0\n"
				   "14000+2 lost 1\n"
				   "16000+2 lost 2\n"
				   "20000+1 present 3 checkpoint/pages-2.img@0 0\n"
				   "21000+1 present 3 checkpoint/pages-1.img@0 0\n"
				   "22000+1 empty 3\n"
				   "23000+1 present 3 checkpoint/pages-2.img@2000 0\n";
	_buf_ struct buf archive = BUF_INIT, text = BUF_INIT;
	_cleanup_(members_closep) struct members *m = NULL;
	_cleanup_(space_closep) struct space *s = NULL;
	struct firn_error err = { 0 };
	char got[8] = "";
	size_t there = 0;

	dump_process(&archive, 9, mapped, ARRAY_SIZE(mapped));
	dump_pagemap(&archive, "checkpoint/pagemap-9.img", 1, own, 1);
	dump_pages(&archive, "checkpoint/pages-1.img", "own", 1);
	dump_pagemap(&archive, "checkpoint/pagemap-shmem-77.img", 2, seg77, ARRAY_SIZE(seg77));
	dump_pages(&archive, "checkpoint/pages-2.img", "shm", 3);
	put_memfds(&archive);
	m = dump_open(&archive);
	ck_assert_int_eq(space_open(m, 9, &s, &err), 1);
	ck_ok(space_each(s, tell, &text, &err), err);
	ck_assert_str_eq((char *)text.data, want);
	ck_ok(space_read(s, 0x21000, got, 7, &there, &err), err);
	ck_assert_str_eq(got, "own000.");
	ck_ok(space_read(s, 0x23000, got, 7, &there, &err), err);
	ck_assert_str_eq(got, "shm002.");
}
END_TEST

/* A run that was found stays readable when the walk has come to other shared memory. */
START_TEST(test_old_run)
{
	_cleanup_(members_closep) struct members *m = dump_open(&tar);
	_cleanup_(space_closep) struct space *s = NULL;
	struct firn_error err = { 0 };
	struct space_run run, other;
	char got[8] = "";

	ck_assert_int_eq(space_open(m, 9, &s, &err), 1);
	ck_assert_int_eq(space_find(s, 0x1a000, &run, &err), 1);
	ck_assert_int_eq(space_find(s, 0x26000, &other, &err), 1);
	ck_assert_int_eq(other.where, SPACE_ABSENT);
	ck_ok(space_read_run(s, &run, 0, got, 7, &err), err);
	ck_assert_str_eq(got, "shm002.");
}
END_TEST

static const struct {
	const char *search;
	unsigned flags, matches;
} in_zeros[] = {
	{ "own", 0, 3 }, /* the page is full of them, and no more are asked for */
	{ "\\x00own", FIRN_MEMORY_REGEX, 1 },
	{ "[\\x00-z]+000", FIRN_MEMORY_REGEX, 1 },
	{ "own000.\\x00*", FIRN_MEMORY_REGEX, 3 },
	{ "\\x00{9}", FIRN_MEMORY_REGEX, 3 },
};

/* What nobody ever touched may be as large as addresses are: such zeros aren't searched one by one.
 */
START_TEST(test_search_zeros)
{
	static const struct dump_area large[] = {
		{ .start = 0x10000, .end = 0x400000000000, .status = ANON },
		{ .start = 0x400000000000, .end = 0x400000001000, .status = ANON },
		{ .start = 0x400000001000, .end = 0x700000000000, .status = ANON },
	};
	static const struct dump_range page[] = { { 0x400000000000, 1, 4 } };
	const struct firn_memory_opts opts = { .max_matches = 3 };
	_cleanup_(pattern_freep) struct pattern *pattern = NULL;
	_cleanup_(members_closep) struct members *m = NULL;
	_cleanup_(process_done) struct process p = { 0 };
	_buf_ struct buf archive = BUF_INIT;
	struct firn_error err = { 0 };
	const struct firn_value *v;
	struct firn_value *top;
	struct doc *doc = NULL;
	size_t texts = 0, n = 0;

	dump_process(&archive, 9, large, ARRAY_SIZE(large));
	dump_pagemap(&archive, "checkpoint/pagemap-9.img", 1, page, 1);
	dump_pages(&archive, "checkpoint/pages-1.img", "own", 1);
	m = dump_open(&archive);
	ck_ok(pattern_new(in_zeros[_i].search, strlen(in_zeros[_i].search),
			  in_zeros[_i].flags & FIRN_MEMORY_REGEX ? PATTERN_REGEX : 0, &pattern,
			  &err),
	      err);
	ck_ok(doc_new(1 << 20, &doc, &err), err);
	top = doc_object(doc);
	ck_assert_int_eq(process_open(m, 9, &opts, &p, &err), 1);
	ck_ok(memory_tell_matches(&p, pattern, doc, top, &texts, &err), err);
	v = firn_value_first(firn_value_get(top, "matches"));
	for (; v; v = firn_value_next(v))
		n++;
	ck_assert_uint_eq(n, in_zeros[_i].matches);
	doc_free(doc);
}
END_TEST

START_TEST(test_nobody)
{
	_cleanup_(members_closep) struct members *m = dump_open(&tar);
	struct firn_error err = { 0 };
	struct space *s = NULL;

	ck_assert_int_eq(space_open(m, 8, &s, &err), -FIRN_ENOTFOUND);
	ck_assert_str_eq(err.msg, "there is no process 8");
}
END_TEST

static const struct {
	struct dump_area area;
	struct dump_range ranges[2];
	const char *parent, *sentence;
} bad[] = {
	{ { .start = 0x1000, .end = 0x2001 }, { { 0 } }, NULL, "isn't one of whole pages" },
	{ { .start = 0x1000, .end = 0x9000 },
	  { { 0x1000, 2, 4 }, { 0x2000, 1, 4 } },
	  NULL,
	  "checkpoint: pagemap-9.img: the pages at 2000 are out of place" },
	{ { .start = 0x1000, .end = 0x9000 },
	  { { 0x1010, 2, 4 }, { 0x4000, 1, 4 } },
	  NULL,
	  "the pages at 1010 are out of place" },
	{ { .start = 0x1000, .end = 0x9000 },
	  { { 0x1000, 2, 1 }, { 0x4000, 1, 4 } },
	  "../checkpoint",
	  "checkpoint/parent leads back to checkpoint" },
	{ { .start = 0x1000, .end = 0x3000, .status = SHARED, .offset = UINT64_MAX & ~0xfffull },
	  { { 0 } },
	  NULL,
	  "beyond its shared memory" },
};

START_TEST(test_bad)
{
	_buf_ struct buf archive = BUF_INIT;
	_cleanup_(members_closep) struct members *m = NULL;
	_cleanup_(space_closep) struct space *s = NULL;
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };
	int rc;

	dump_process(&archive, 9, &bad[_i].area, 1);
	dump_pagemap(&archive, "checkpoint/pagemap-9.img", 1, bad[_i].ranges, 2);
	if (bad[_i].parent)
		MEMBER(&archive, .name = "checkpoint/parent", .type = '2', .link = bad[_i].parent);
	m = dump_open(&archive);
	rc = space_open(m, 9, &s, &err);
	if (rc > 0)
		rc = space_each(s, tell, &text, &err);
	ck_assert_int_eq(rc, -FIRN_ECORRUPT);
	ck_assert_msg(strstr(err.msg, bad[_i].sentence), "%s", err.msg);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("space");
	TCase *t = tcase_create("space");

	tcase_add_unchecked_fixture(t, make, unmake);
	tcase_add_test(t, test_runs);
	tcase_add_test(t, test_too_often);
	tcase_add_loop_test(t, test_read, 0, 3);
	tcase_add_loop_test(t, test_read_across, 0, 9);
	tcase_add_loop_test(t, test_packed, 0, 4);
	tcase_add_test(t, test_memfd);
	tcase_add_test(t, test_old_run);
	tcase_add_loop_test(t, test_search_zeros, 0, ARRAY_SIZE(in_zeros));
	tcase_add_test(t, test_nobody);
	tcase_add_loop_test(t, test_bad, 0, ARRAY_SIZE(bad));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
