/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/buf.h"
#include "base/fd.h"
#include "criu_builder.h"
#include "format/criu_pages.h"
#include "sample.h"

#define PAGE 4096u

/* One pagemap, and pages-7.img of a size alone: nobody reads it. */
struct images {
	struct criu_images base;
	const void *pagemap;
	size_t len;
	uint64_t pages_bytes; /* NO_FILE: there is none */
};

#define NO_FILE UINT64_MAX

static ssize_t never_read(struct source *src, void *bytes, size_t n, uint64_t at,
			  struct firn_error *err)
{
	(void)src, (void)bytes, (void)n, (void)at;
	return firn_fail(err, FIRN_EFAIL, "pages are read");
}

static void close_pages(struct source *src)
{
	free(src);
}

static int open_image(struct criu_images *base, const char *name, struct source **ret,
		      struct firn_error *err)
{
	static const struct source_ops pages_ops = { never_read, close_pages };
	const struct images *images = (const struct images *)base;
	int rc;

	if (strcmp(name, "pagemap-1.img") == 0) {
		rc = source_from_mem(images->pagemap, images->len, ret, err);
		return rc < 0 ? rc : 1;
	}
	if (strcmp(name, "pages-7.img") != 0 || images->pages_bytes == NO_FILE)
		return 0;
	*ret = malloc(sizeof(**ret));
	ck_assert_ptr_nonnull(*ret);
	**ret = (struct source){ .ops = &pages_ops, .size = images->pages_bytes };
	return 1;
}

/* The pagemap of one dump alone. */
static int check_alone(struct criu_images *images, const char *name, uint64_t page_bytes,
		       struct firn_error *err)
{
	const struct criu_dump dump = { images, "checkpoint" };

	return criu_pages_check(&dump, 1, name, page_bytes, err);
}

#define MAGIC      "\x19\x43\x56\x54\x25\x40\x08\x56"
#define HEAD       MAGIC "\2\0\0\0\x08\x07"
#define VADDR      "\x08\x80\x20"
#define REC(n)     n "\0\0\0"
#define OLD(pages) VADDR "\x10" pages /* compat_nr_pages */
#define FLAGS(f)   "\x20" f
#define PARENT     "\x18\1"
#define NEW(pages) "\x28" pages /* nr_pages */

static const struct pagemap {
	const char *bytes;
	size_t len;
	uint64_t have;
	int code;
	const char *says;
} pagemaps[] = {
#define P(text, have, code, says)                                                                  \
	{                                                                                          \
		text, sizeof(text) - 1, have, code, says                                           \
	}
	/* Present pages count, also those that are lazy as well. */
	P(HEAD REC("\7") OLD("\3") FLAGS("\4"), 3 * PAGE, 0, NULL),
	P(HEAD REC("\7") OLD("\3") FLAGS("\4"), 3 * PAGE - 1, FIRN_ECORRUPT,
	  "checkpoint/pages-7.img: 12287 bytes, its pagemap needs 12288"),
	P(HEAD REC("\7") OLD("\3") FLAGS("\4") REC("\7") OLD("\2") FLAGS("\6"), 5 * PAGE, 0, NULL),
	P(HEAD REC("\7") OLD("\3") FLAGS("\4") REC("\7") OLD("\2") FLAGS("\6"), 5 * PAGE - 1,
	  FIRN_ECORRUPT, "needs 20480"),
	/* A page server's and nobody's pages don't; then no file is needed either. */
	P(HEAD REC("\7") OLD("\2") FLAGS("\2"), NO_FILE, 0, NULL),
	P(HEAD REC("\7") OLD("\3") FLAGS("\0"), NO_FILE, 0, NULL),
	/* Nor do those of the dump before, but that one has to be there. */
	P(HEAD REC("\7") OLD("\3") FLAGS("\1"), NO_FILE, FIRN_ECORRUPT,
	  "checkpoint/pagemap-1.img: has pages in a dump before it"),
	P(HEAD REC("\x09") OLD("\3") PARENT FLAGS("\4"), NO_FILE, FIRN_ECORRUPT,
	  "a dump before it"),
	P(HEAD, NO_FILE, 0, NULL),
	P(HEAD REC("\7") OLD("\3") FLAGS("\4"), NO_FILE, FIRN_ECORRUPT,
	  "checkpoint/pages-7.img: is missing, its pagemap needs 12288"),
	/* Before there were flags, and since there is a wider count. */
	P(HEAD REC("\5") OLD("\3"), 3 * PAGE - 1, FIRN_ECORRUPT, "needs 12288"),
	P(HEAD REC("\7") OLD("\3") PARENT, NO_FILE, FIRN_ECORRUPT, "a dump before it"),
	P(HEAD REC("\x09") OLD("\0") FLAGS("\4") NEW("\4"), 4 * PAGE, 0, NULL),
	P(HEAD REC("\x09") OLD("\0") FLAGS("\4") NEW("\4"), 4 * PAGE - 1, FIRN_ECORRUPT,
	  "needs 16384"),
	/* What isn't known is CRIU's business: a member, a flag. */
	P(HEAD REC("\x09") OLD("\3") FLAGS("\4") "\x50\1", 0, 0, NULL),
	P(HEAD REC("\7") OLD("\3") FLAGS("\x14"), 0, 0, NULL),
	/* Compressed pages, as first they were: a size for each, their sum, pages in a region. */
	P(HEAD REC("\x0e") OLD("\3") FLAGS("\4") "\x30\x64\x30\0\x30\xc8\1", 300, 0, NULL),
	P(HEAD REC("\x0e") OLD("\3") FLAGS("\4") "\x30\x64\x30\0\x30\xc8\1", 299, FIRN_ECORRUPT,
	  "299 bytes, its pagemap needs 300"),
	P(HEAD REC("\x0d") OLD("\3") FLAGS("\4") "\x30\x64\x38\x64\x40\3", 99, FIRN_ECORRUPT,
	  "needs 100"),
	/* And as they are since: in a message, perhaps at page boundaries. */
	P(HEAD REC("\x11") OLD("\3") FLAGS("\4") "\x32\x08\x0a\2\x64\5\x10\x69\x18\1", 105, 0,
	  NULL),
	P(HEAD REC("\x11") OLD("\3") FLAGS("\x0c") "\x32\x08\x0a\2\x64\5\x10\x69\x18\1", 104,
	  FIRN_ECORRUPT, "needs 105"),
	P(HEAD REC("\7") OLD("\3") FLAGS("\x0c"), 3 * PAGE - 1, FIRN_ECORRUPT, "needs 12288"),
	P(HEAD REC("\x0d") OLD("\3") FLAGS("\4") "\x32\4\x0a\2\x64\5", 0, 0, NULL),
	P(HEAD REC("\x0b") OLD("\3") FLAGS("\4") "\x32\2\x0a\5", 0, FIRN_ECORRUPT,
	  "record 2 is no message"),
	P(HEAD REC("\x12") OLD("\3") FLAGS("\4") "\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0,
	  FIRN_ECORRUPT, "needs 18446744073709551615"),
	P(HEAD REC("\2") "\x0a\0", 0, FIRN_ECORRUPT, "record 2 is no message"),
	P(HEAD REC("\1") "\0", 0, FIRN_ECORRUPT, "record 2 is no message"),
	P(HEAD REC("\x0b") "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 0, FIRN_ECORRUPT,
	  "record 2 is no message"),
	P(MAGIC REC("\4") "\x08\7\x10\1" REC("\7") OLD("\3") FLAGS("\4"), 0, 0, NULL),
	/* More than any file has. */
	P(HEAD REC("\x0d") VADDR FLAGS("\4") NEW("\xff\xff\xff\xff\xff\xff\x7f"), 1u << 30,
	  FIRN_ECORRUPT, "needs 2305843009213689856"),
	P(HEAD REC("\x10") VADDR FLAGS("\4") NEW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	  1u << 30, FIRN_ECORRUPT, "needs 18446744073709551615"),
	P(HEAD REC("\x10") VADDR FLAGS("\4") NEW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	      REC("\7") OLD("\1") FLAGS("\4"),
	  1u << 30, FIRN_ECORRUPT, "more pages than there can be"),
	/* Broken ones. */
	P("", 0, FIRN_ECORRUPT, "pagemap-1.img: ends early"),
	P(MAGIC, 0, FIRN_ECORRUPT, "checkpoint/pagemap-1.img: is empty"),
	P(MAGIC REC("\0"), 0, FIRN_ECORRUPT, "record 1 is no message"),
	P("\x19\x43\x56\x54\x30\x30\x27\x50", 0, FIRN_ECORRUPT, "is no such CRIU image"),
	P(HEAD REC("\7") VADDR, 0, FIRN_ECORRUPT, "a record of 7 bytes ends early"),
	P(HEAD REC("\1") "\xff", 0, FIRN_ECORRUPT, "record 2 is no message"),
	P(HEAD "\1", 0, FIRN_ECORRUPT, "ends early"),
};

START_TEST(pagemap)
{
	const struct pagemap *p = &pagemaps[_i];
	struct images images = { { open_image }, p->bytes, p->len, p->have };
	struct firn_error err = { 0 };
	int rc = check_alone(&images.base, "pagemap-1.img", PAGE, &err);

	ck_assert_msg(rc == -p->code, "%d: %d %s", _i, rc, err.msg);
	if (p->code)
		ck_assert_msg(strstr(err.msg, p->says) != NULL, "%d: %s", _i, err.msg);
}
END_TEST

/* More records than the reader's window holds, each at another place in it. */
START_TEST(many_entries)
{
	static const char entry[] = REC("\7") OLD("\3") FLAGS("\4");
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct images images = { .base = { open_image }, .pages_bytes = 9000ull * PAGE };

	buf_put(&b, HEAD, sizeof(HEAD) - 1);
	for (int i = 0; i < 3000; i++)
		buf_put(&b, entry, sizeof(entry) - 1);
	images.pagemap = b.data;
	images.len = b.len;
	ck_ok(check_alone(&images.base, "pagemap-1.img", PAGE, &err), err);
	images.pages_bytes--;
	ck_assert_int_eq(check_alone(&images.base, "pagemap-1.img", PAGE, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "36863999 bytes, its pagemap needs 36864000"));
}
END_TEST

/* A size for each page of a very long range makes a record that nobody has to read. */
START_TEST(huge_entry)
{
	static const char head[] = HEAD "\0\0\x20\0";
	struct images images = { .base = { open_image }, .pages_bytes = 0 };
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };

	buf_put(&b, head, sizeof(head) - 1);
	buf_fill(&b, 0x30, 2u << 20);
	images.pagemap = b.data;
	images.len = b.len;
	ck_ok(check_alone(&images.base, "pagemap-1.img", PAGE, &err), err);
}
END_TEST

/* Dumps that build on each other: ENTRIES of the pagemap, bytes of the pages. */
static const struct {
	struct {
		const char *entries; /* NULL: no pagemap */
		size_t len;
		uint64_t have;
	} dumps[3]; /* the newest first */
	size_t n;
	const char *says; /* NULL: they are all right */
} chains[] = {
#define D(text, have)                                                                              \
	{                                                                                          \
		HEAD text, sizeof(HEAD text) - 1, have                                             \
	}
#define HERE(n)   REC("\7") OLD(n) FLAGS("\4")
#define BEFORE(n) REC("\7") OLD(n) FLAGS("\1")
	{ { D(HERE("\1") BEFORE("\2"), PAGE), D(HERE("\3"), 3 * PAGE) }, 2, NULL },
	{ { D(HERE("\1") BEFORE("\2"), PAGE), D(HERE("\3"), 3 * PAGE - 1) },
	  2,
	  "1/pages-7.img: 12287 bytes, its pagemap needs 12288" },
	{ { D(HERE("\1") BEFORE("\2"), PAGE - 1), D(HERE("\3"), 3 * PAGE) },
	  2,
	  "0/pages-7.img: 4095 bytes" },
	{ { D(BEFORE("\2"), NO_FILE), D(BEFORE("\2"), NO_FILE), D(HERE("\2"), 2 * PAGE) },
	  3,
	  NULL },
	{ { D(BEFORE("\2"), NO_FILE), D(BEFORE("\2"), NO_FILE) },
	  2,
	  "1/pagemap-1.img: has pages in a dump before it" },
	{ { D(BEFORE("\2"), NO_FILE), { NULL, 0, 0 } },
	  2,
	  "1/pagemap-1.img: is missing, the dump after it has pages there" },
	/* What nothing is taken from isn't looked at: the process may be younger than that dump. */
	{ { D(HERE("\1"), PAGE), { NULL, 0, 0 } }, 2, NULL },
	{ { D(HERE("\1"), PAGE), D(HERE("\3"), 0) }, 2, NULL },
};

static int open_in_chain(struct criu_images *base, const char *name, struct source **ret,
			 struct firn_error *err)
{
	const struct images *images = (const struct images *)base;

	if (!images->pagemap && strcmp(name, "pagemap-1.img") == 0)
		return 0;
	return open_image(base, name, ret, err);
}

START_TEST(chain)
{
	static const char *const names[] = { "0", "1", "2" };
	struct firn_error err = { 0 };
	struct images images[3];
	struct criu_dump dumps[3];
	int rc;

	for (size_t i = 0; i < chains[_i].n; i++) {
		images[i] = (struct images){ { open_in_chain },
					     chains[_i].dumps[i].entries,
					     chains[_i].dumps[i].len,
					     chains[_i].dumps[i].have };
		dumps[i] = (struct criu_dump){ &images[i].base, names[i] };
	}
	rc = criu_pages_check(dumps, chains[_i].n, "pagemap-1.img", PAGE, &err);
	if (!chains[_i].says) {
		ck_ok(rc, err);
		return;
	}
	ck_assert_int_eq(rc, -FIRN_ECORRUPT);
	ck_assert_msg(strstr(err.msg, chains[_i].says) != NULL, "%d: %s", _i, err.msg);
}
END_TEST

/* A real dump, whose pages files fit to the byte; and the same with one cut. */
struct dumped {
	struct criu_images base;
	const struct sample *sample;
	const char *folder;
	size_t cut;
};

static int open_dumped(struct criu_images *base, const char *name, struct source **ret,
		       struct firn_error *err)
{
	const struct dumped *d = (const struct dumped *)base;
	const uint8_t *bytes;
	size_t len = 0;
	char path[100];
	int rc;

	snprintf(path, sizeof(path), "%s/%s", d->folder, name);
	bytes = sample_member(d->sample, path, &len);
	if (!bytes)
		return 0;
	rc = source_from_mem(bytes, strncmp(name, "pages-", 6) ? len : len - d->cut, ret, err);
	return rc < 0 ? rc : 1;
}

static const struct {
	const char *file, *folder, *pagemap;
} samples[] = {
	{ "podman-none.tar", "checkpoint", "pagemap-1.img" },
	{ "ctr-t-bare-criu.tar", "bare-criu", "pagemap-1.img" },
};

START_TEST(real_pages)
{
	struct sample s = sample_open(samples[_i].file);
	struct dumped d = { { open_dumped }, &s, samples[_i].folder, 0 };
	struct firn_error err = { 0 };

	ck_assert_ptr_nonnull(s.bytes);
	ck_ok(check_alone(&d.base, samples[_i].pagemap, PAGE, &err), err);
	d.cut = 1;
	ck_assert_int_eq(check_alone(&d.base, samples[_i].pagemap, PAGE, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "its pagemap needs"));
	free(s.bytes);
}
END_TEST

/* Podman's dumps of a running container: pagemaps of processes that ended are no fault. */
START_TEST(leftovers)
{
	struct sample s = sample_open("podman-ignore-rootfs.tar");
	struct dumped d = { { open_dumped }, &s, "checkpoint", 0 };
	const struct criu_dump dump = { &d.base, "checkpoint" };
	struct firn_error err = { 0 };

	ck_assert_ptr_nonnull(s.bytes);
	ck_assert_int_eq(check_alone(&d.base, "pagemap-26.img", PAGE, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "65536 bytes, its pagemap needs 69632"));
	ck_ok(criu_pages_check_all(&dump, 1, PAGE, &err), err);
	d.cut = 1;
	ck_assert_int_eq(criu_pages_check_all(&dump, 1, PAGE, &err), -FIRN_ECORRUPT);
	free(s.bytes);
}
END_TEST

static const struct {
	uint32_t first, second;
	const char *says;
} pids[] = {
	{ 1, 2, NULL },
	{ 7, 4194303, NULL },
	{ 7, 7, "d/pstree.img: two processes 7" },
	{ 7, 4194304, "d/pstree.img: no process is 4194304" },
};

static struct buf pstree;

static int open_pstree(struct criu_images *base, const char *name, struct source **ret,
		       struct firn_error *err)
{
	int rc = 0;

	(void)base;
	if (strcmp(name, "pstree.img") == 0)
		rc = source_from_mem(pstree.data, pstree.len, ret, err) ?: 1;
	return rc;
}

/* A pagemap of millions of ranges isn't read for every record of pstree.img that names it. */
START_TEST(processes)
{
	struct criu_images images = { open_pstree };
	const struct criu_dump dump = { &images, "d" };
	struct firn_error err = { 0 };
	int rc;

	put_magic(&pstree, 0x50273030);
	RECORD(&pstree, pids[_i].first, 0, 1, 1);
	RECORD(&pstree, pids[_i].second, 0, 1, 1);
	rc = criu_pages_check_all(&dump, 1, PAGE, &err);
	ck_assert_int_eq(rc, pids[_i].says ? -FIRN_ECORRUPT : 0);
	ck_assert_str_eq(err.msg, pids[_i].says ?: "");
	buf_done(&pstree);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("criu_pages");
	TCase *t = tcase_create("criu_pages");

	tcase_add_loop_test(t, pagemap, 0, (int)ARRAY_SIZE(pagemaps));
	tcase_add_test(t, many_entries);
	tcase_add_test(t, huge_entry);
	tcase_add_loop_test(t, chain, 0, (int)ARRAY_SIZE(chains));
	tcase_add_test(t, leftovers);
	tcase_add_loop_test(t, processes, 0, (int)ARRAY_SIZE(pids));
	tcase_add_loop_test(t, real_pages, 0, (int)ARRAY_SIZE(samples));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
