/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/buf.h"
#include "base/fd.h"
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
	/* A parent's, a page server's and nobody's pages don't; then no file is needed either. */
	P(HEAD REC("\7") OLD("\3") FLAGS("\1") REC("\7") OLD("\2") FLAGS("\2"), NO_FILE, 0, NULL),
	P(HEAD REC("\7") OLD("\3") FLAGS("\0"), NO_FILE, 0, NULL),
	P(HEAD REC("\x09") OLD("\3") PARENT FLAGS("\4"), NO_FILE, 0, NULL),
	P(HEAD, NO_FILE, 0, NULL),
	P(HEAD REC("\7") OLD("\3") FLAGS("\4"), NO_FILE, FIRN_ECORRUPT,
	  "checkpoint/pages-7.img: is missing, its pagemap needs 12288"),
	/* Before there were flags, and since there is a wider count. */
	P(HEAD REC("\5") OLD("\3"), 3 * PAGE - 1, FIRN_ECORRUPT, "needs 12288"),
	P(HEAD REC("\7") OLD("\3") PARENT, NO_FILE, 0, NULL),
	P(HEAD REC("\x09") OLD("\0") FLAGS("\4") NEW("\4"), 4 * PAGE, 0, NULL),
	P(HEAD REC("\x09") OLD("\0") FLAGS("\4") NEW("\4"), 4 * PAGE - 1, FIRN_ECORRUPT,
	  "needs 16384"),
	/* What isn't known is CRIU's business: a member (compressed pages), a flag. */
	P(HEAD REC("\x09") OLD("\3") FLAGS("\4") "\x30\1", 0, 0, NULL),
	P(HEAD REC("\7") OLD("\3") FLAGS("\x0c"), 0, 0, NULL),
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
	int rc = criu_pages_check(&images.base, "pagemap-1.img", PAGE, &err);

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
	ck_ok(criu_pages_check(&images.base, "pagemap-1.img", PAGE, &err), err);
	images.pages_bytes--;
	ck_assert_int_eq(criu_pages_check(&images.base, "pagemap-1.img", PAGE, &err),
			 -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "36863999 bytes, its pagemap needs 36864000"));
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
	ck_ok(criu_pages_check(&d.base, samples[_i].pagemap, PAGE, &err), err);
	d.cut = 1;
	ck_assert_int_eq(criu_pages_check(&d.base, samples[_i].pagemap, PAGE, &err),
			 -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "its pagemap needs"));
	free(s.bytes);
}
END_TEST

/* Podman's dumps of a running container: pagemaps of processes that ended are no fault. */
START_TEST(leftovers)
{
	struct sample s = sample_open("podman-ignore-rootfs.tar");
	struct dumped d = { { open_dumped }, &s, "checkpoint", 0 };
	struct firn_error err = { 0 };

	ck_assert_ptr_nonnull(s.bytes);
	ck_assert_int_eq(criu_pages_check(&d.base, "pagemap-26.img", PAGE, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "65536 bytes, its pagemap needs 69632"));
	ck_ok(criu_pages_check_all(&d.base, PAGE, &err), err);
	d.cut = 1;
	ck_assert_int_eq(criu_pages_check_all(&d.base, PAGE, &err), -FIRN_ECORRUPT);
	free(s.bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("criu_pages");
	TCase *t = tcase_create("criu_pages");

	tcase_add_loop_test(t, pagemap, 0, (int)ARRAY_SIZE(pagemaps));
	tcase_add_test(t, many_entries);
	tcase_add_test(t, leftovers);
	tcase_add_loop_test(t, real_pages, 0, (int)ARRAY_SIZE(samples));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
